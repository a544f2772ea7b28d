import Configuration
import Parameters

/// A stretch of one array of optimizer state, as a checkpoint carries it.
public struct StateArray {
  /// Its name in checkpoints, for example `adam.m`.
  public let name: String
  /// Its place in the canonical order: one run of the blocks this rank owns.
  public let range: Range<Int>
  /// Its scalars, `range.count` of them; valid as long as the optimizer lives.
  public let base: UnsafeMutablePointer<Float>

  /// A stretch that someone else keeps.
  public init(name: String, range: Range<Int>, base: UnsafeMutablePointer<Float>) {
    self.name = name
    self.range = range
    self.base = base
  }
}

extension Optimizer {
  /// Every stretch a resume must restore beside the parameters and `stepsTaken`.
  ///
  /// Momentum is `momentum`; Adam's moments are `adam.m` and `adam.v`; the moving average of
  /// weights is `ema`. Each comes once per run of owned blocks.
  public var state: [StateArray] {
    var arrays: [StateArray] = []
    for (index, name) in Self.stateNames(rule).enumerated() {
      arrays += stretches(of: name, in: index == 0 ? first.base : second.base)
    }
    if averageDecay != nil { arrays += stretches(of: "ema", in: average.base) }
    return arrays
  }

  /// How many scalars of state there are for each parameter.
  public var statesPerParameter: Int {
    Self.stateNames(rule).count + (averageDecay == nil ? 0 : 1)
  }

  /// The moving average of the owned weights, nil where none is kept or no step was taken yet.
  ///
  /// Statistic and frozen slots hold the parameters' own values.
  public var averagedWeights: [StateArray]? {
    guard averageDecay != nil, stepsTaken > 0 else { return nil }
    return stretches(of: "ema", in: average.base)
  }

  private func stretches(of name: String, in base: UnsafeMutablePointer<Float>) -> [StateArray] {
    blocks.stretches.map { StateArray(name: name, range: $0.range, base: base + $0.offset) }
  }

  /// Makes the state of dead parameters +0: moments, and the moving average of weights.
  ///
  /// With a gradient of +0 from then on, every rule leaves a dead weight that is +0 at +0, and its state too.
  ///
  /// - Parameter mask: which parameters are live.
  /// - Cost: one pass over the state.
  public func clearDead(_ mask: ParameterMask) {
    for part in state { mask.clearDead(part.range, in: part.base) }
  }

  /// Begins anew, as before the first step.
  public func restart() {
    for part in state { part.base.update(repeating: 0, count: part.range.count) }
    stepsTaken = 0
  }
}
