import Buffers
import Parameters

/// What a run begins with instead of initial values: all that another run has learnt, in this run's sizes.
public struct Beginning: Sendable {
  /// The slots that the arrays belong to; those of the run's model.
  public let layout: ParameterLayout
  /// P scalars each in canonical order, by name: `parameters`, and what an optimizer keeps.
  public let arrays: [String: [Float]]
  /// Updates that the optimizer's arrays have seen, which counts bias corrections.
  public let stepsTaken: Int

  /// A beginning from its parts.
  ///
  /// - Precondition: `parameters` is among the arrays, and each is as long as the layout.
  public init(layout: ParameterLayout, arrays: [String: [Float]], stepsTaken: Int) {
    precondition(
      arrays["parameters"] != nil && arrays.values.allSatisfy { $0.count == layout.count },
      "a beginning of another layout")
    (self.layout, self.arrays, self.stepsTaken) = (layout, arrays, stepsTaken)
  }

  /// The SHA-256 of the parameters.
  var digest: String {
    var hash = SHA256()
    arrays["parameters"]?.withUnsafeBytes { hash.update($0) }
    return hash.hexadecimal()
  }
}

extension Trainer {
  /// Fills weights and optimizer state from what the run begins with; collective.
  ///
  /// Where the optimizer is another one than the arrays were made by, it starts anew.
  func begin(from beginning: Beginning) throws {
    precondition(beginning.layout == model.layout, "a beginning of another model")
    let parts = optimizer.state
    let knowsAll = parts.allSatisfy { beginning.arrays[$0.name] != nil }
    try world.agree {
      // The ranks of a node share the values: the first of them writes.
      if exchange.node.seat.localRank == 0, let values = beginning.arrays["parameters"] {
        values.withUnsafeBufferPointer { _ = store.all.update(fromContentsOf: $0) }
      }
      guard knowsAll else { return }
      for part in parts {
        beginning.arrays[part.name]?[part.range].withUnsafeBufferPointer { values in
          guard let base = values.baseAddress else { return }
          part.base.update(from: base, count: values.count)
        }
      }
    }
    optimizer.stepsTaken = knowsAll ? beginning.stepsTaken : 0
    state.stepsTaken = optimizer.stepsTaken
  }

  /// Makes the run folder with a checkpoint of what the run begins with, and trains nothing.
  ///
  /// - Throws: the errors of the rooms, or ``TrainingError``.
  public func keepBeginning() throws {
    do {
      guard try openFolder() else { return }
      defer { closeFolder() }
      defer { resumption.went(to: nil) }
      try watched {
        try resumeOrInitialize()
        started = StepClock.now()
        try saveBeginningIfNeeded()
      }
    } catch {
      exchange.abandon()
      throw error
    }
  }
}
