import Datasets
import Models
import Parameters
import Tensors

/// What one pass over a microbatch takes without training, by the clock.
public struct InferenceTime: Sendable, Equatable {
  /// Seconds with all zeros.
  public var dense = 0.0
  /// Seconds where linear layers leave zeros out; nil where none has enough of them.
  public var sparse: Double?

  /// Times both ways in turn, and takes the fastest of each: what else the machine does only slows.
  ///
  /// - Parameters:
  ///   - model: compiled.
  ///   - microbatch: what it runs over.
  ///   - weights: the model's values, zeros and all.
  ///   - copy: room for the same; written.
  /// - Returns: the seconds of one pass.
  /// - Cost: about a second.
  static func measure(
    _ model: Model, _ microbatch: Microbatch, _ weights: ParameterStore, copy: ParameterStore
  ) -> InferenceTime {
    copy.base.update(from: weights.base, count: weights.layout.count)
    let isSparse = model.leaveOutZeros(of: weights.base).layers > 0
    func seconds(_ store: ParameterStore, passes: Int) -> Double {
      let start = StepClock.now()
      for _ in 0..<passes { model.evaluate(microbatch, store.base) }
      return Double(StepClock.now() - start) * 1e-9 / Double(passes)
    }
    // A sparse layer knows its weights by their place: of a copy of them it takes every zero.
    _ = seconds(copy, passes: 1)
    let passes = max(1, Int(0.002 / max(seconds(copy, passes: 1), 1e-7)))
    var (dense, sparse) = ([Double](), [Double]())
    let start = StepClock.now()
    while dense.count < 25, dense.count < 3 || StepClock.now() - start < 1_000_000_000 {
      dense.append(seconds(copy, passes: passes))
      if isSparse { sparse.append(seconds(weights, passes: passes)) }
    }
    return InferenceTime(
      dense: dense.min() ?? 0, sparse: sparse.min())
  }
}
