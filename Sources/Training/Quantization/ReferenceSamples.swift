import Datasets
import Exchange
import MPI
import Models
import Tensors

/// Samples on which a network is watched, spread evenly over a split and shared by all ranks.
struct ReferenceSamples {
  private let world: Communicator
  private let model: Model
  private let split: Split

  /// Samples of a split for a model.
  init(_ world: Communicator, _ model: Model, _ split: Split) {
    (self.world, self.model, self.split) = (world, model, split)
  }

  /// Runs the model over this rank's microbatches; collective.
  ///
  /// Microbatches do not depend on the number of ranks.
  ///
  /// - Parameters:
  ///   - weights: P scalars in canonical order.
  ///   - samples: how many are looked at, at most those of the split.
  /// - Throws: what reading throws, on all ranks.
  func evaluate(_ weights: UnsafePointer<Float>, samples: Int) throws {
    let wanted = min(samples, split.count)
    let batch = Microbatch(capacity: model.capacity, fields: split.fields)
    let batches = (wanted + batch.capacity - 1) / batch.capacity
    try world.agree {
      for number in (0..<batches).part(world.rank, of: world.size) {
        let start = number * batch.capacity
        batch.count = min(batch.capacity, wanted - start)
        for index in 0..<batch.count {
          batch.sampleNumbers[index] = Int64((start + index) * split.count / wanted)
        }
        try split.fill(batch)
        model.evaluate(batch, weights)
      }
    }
  }
}
