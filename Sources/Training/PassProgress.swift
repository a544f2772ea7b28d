import FaultPoints
import Models
import Tensors

/// Passes on how far a training pass has come: finished gradients leave while the pass goes on.
///
/// Before they do, they are looked at: once added to others, nobody knows any more whose NaN it was. The gradient of a
/// step's only microbatch is looked at when its norm is measured.
final class PassProgress: PassObserver {
  private unowned let trainer: Trainer
  /// What went wrong between two layers; thrown when the pass is over.
  private var failure: (any Error)?
  private var samples = 0
  private var lanes: [(microbatch: Microbatch, gradient: UnsafePointer<Float>)] = []
  /// Where the gradients begin that are final already.
  private var border = 0
  private var fault: String?

  init(_ trainer: Trainer) { self.trainer = trainer }

  /// Begins the passes of a step of `samples` samples over all ranks.
  func begin(samples: Int) { self.samples = samples }

  /// Begins a pass; ``watch(_:_:)`` says of which microbatches.
  func beginPass() {
    lanes.removeAll(keepingCapacity: true)
    border = trainer.model.layout.count
    fault = FaultPoint.gradientReady.argument
  }

  /// Adds a microbatch of the pass, with the gradient that it writes.
  func watch(_ microbatch: Microbatch, _ gradient: UnsafePointer<Float>) {
    lanes.append((microbatch, gradient))
  }

  /// Throws what went wrong during the pass.
  func end() throws {
    if let failure { throw failure }
  }

  func forward(layer index: Int) { trainer.clock.forward(layer: index) }
  func backward(layer index: Int) { trainer.clock.backward(layer: index) }

  func gradientsFinal(from offset: Int) {
    trainer.clock.gradientsFinal(from: offset)
    look(from: offset)
    // Where the gradient of this microbatch is still to be read, nobody may add to it yet.
    guard failure == nil, trainer.noise.pending == nil,
      !trainer.configuration.train.nonFinite.reruns
    else { return }
    do {
      try trainer.advance(from: offset, samples: samples)
    } catch {
      failure = error
    }
  }

  /// The first parameter, from the end of the canonical order, whose gradient of a microbatch of the latest pass is not finite.
  func lastNonFinite(of microbatch: Microbatch) -> String? {
    let lane = lanes.first { $0.microbatch === microbatch }
    return lane.flatMap {
      trainer.optimizer.lastNonFinite(in: $0.gradient, 0..<trainer.model.layout.count)
    }
  }

  /// Looks for a NaN or infinity in what has become final.
  private func look(from offset: Int) {
    let isOnly = trainer.exchange.deal.microbatches == 1
    for (microbatch, gradient) in lanes {
      if let fault { trainer.spoil(gradient, fault, offset..<border) }
      guard !isOnly,
        let slot = trainer.optimizer.lastNonFinite(in: gradient, offset..<border)
      else { continue }
      trainer.evidence.note("the gradient of \(slot)", in: microbatch)
    }
    border = offset
  }
}
