import Configuration

/// One array of optimizer state, as a checkpoint carries it.
public struct StateArray {
  /// Its name in checkpoints, for example `adam.m`.
  public let name: String
  /// Its place in the canonical order: the blocks this rank owns.
  public let range: Range<Int>
  /// Its scalars, `range.count` of them; valid as long as the optimizer lives.
  public let base: UnsafeMutablePointer<Float>
}

extension Optimizer {
  /// Every array a resume must restore beside the parameters and `stepsTaken`.
  ///
  /// Momentum is `momentum`; Adam's moments are `adam.m` and `adam.v`; the moving average of
  /// weights is `ema`.
  public var state: [StateArray] {
    var arrays: [StateArray] = []
    for (index, name) in Self.stateNames(rule).enumerated() {
      arrays.append(
        StateArray(name: name, range: ownedRange, base: index == 0 ? first.base : second.base))
    }
    if averageDecay != nil {
      arrays.append(StateArray(name: "ema", range: ownedRange, base: average.base))
    }
    return arrays
  }

  /// The moving average of the owned weights, nil where none is kept or no step was taken yet.
  ///
  /// Statistic and frozen slots hold the parameters' own values.
  public var averagedWeights: StateArray? {
    guard averageDecay != nil, stepsTaken > 0 else { return nil }
    return StateArray(name: "ema", range: ownedRange, base: average.base)
  }
}
