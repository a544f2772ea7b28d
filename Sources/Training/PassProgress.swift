import Models

/// Passes on how far a training pass has come: finished gradients leave while the pass goes on.
final class PassProgress: PassObserver {
  private unowned let trainer: Trainer
  /// What went wrong between two layers; thrown when the pass is over.
  private var failure: (any Error)?
  private var samples = 0

  init(_ trainer: Trainer) { self.trainer = trainer }

  /// Begins a pass in a step of `samples` samples over all ranks.
  func begin(samples: Int) { self.samples = samples }

  /// Throws what went wrong during the pass.
  func end() throws {
    if let failure { throw failure }
  }

  func forward(layer index: Int) { trainer.clock.forward(layer: index) }
  func backward(layer index: Int) { trainer.clock.backward(layer: index) }

  func gradientsFinal(from offset: Int) {
    trainer.clock.gradientsFinal(from: offset)
    // Where the norm of this gradient is still to be taken, nobody may add to it yet.
    guard failure == nil, trainer.noise.pending == nil else { return }
    do {
      try trainer.advance(from: offset, samples: samples)
    } catch {
      failure = error
    }
  }
}
