import Configuration
import Parameters

/// What a step does to one slot, once the configuration's patterns are resolved.
struct SlotRule: Equatable {
  /// The ways a slot can be treated.
  enum Action: Equatable {
    /// Moved by the update rule.
    case move
    /// Moved towards the step's batch statistic.
    case follow
    /// Left as it is.
    case leave
  }

  let action: Action
  /// The learning rate before the schedule.
  let learningRate: Double
  /// λ of this slot, 0 where it does not decay.
  let weightDecay: Double
  /// Whether LARS and LAMB scale by this tensor's norms.
  ///
  /// As in the published implementations these are the slots that decay, so biases and
  /// normalisations keep a ratio of 1.
  let adapts: Bool

  /// Resolves all patterns of `configuration` over `layout`.
  ///
  /// - Parameters:
  ///   - configuration: the update rule, the patterns that decay and the groups.
  ///   - layout: the slots.
  /// - Returns: one rule per slot, in canonical order.
  /// - Throws: `OptimizerError` naming a pattern that fits no parameter.
  static func resolve(
    _ configuration: OptimizerConfiguration, layout: ParameterLayout
  ) throws -> [SlotRule] {
    let decaying = try configuration.weightDecayOn.map { patterns in
      try patterns.map { try pattern($0, key: "optimizer.weightDecayOn", layout) }
    }
    let groups = try configuration.groups.map { group in
      (try pattern(group.match, key: "optimizer.groups", layout), group)
    }
    return layout.slots.map { slot in
      let group = groups.first { $0.0.matches(slot.name) }?.1
      let decays =
        decaying.map { $0.contains { $0.matches(slot.name) } } ?? slot.decaysByDefault
      let weightDecay = group?.weightDecay ?? (decays ? configuration.weightDecay : 0)
      let action: Action =
        group?.freeze == true ? .leave : (slot.role == .trainable ? .move : .follow)
      return SlotRule(
        action: action, learningRate: group?.learningRate ?? configuration.learningRate,
        weightDecay: weightDecay, adapts: decays)
    }
  }

  /// A pattern that fits at least one slot.
  private static func pattern(
    _ text: String, key: String, _ layout: ParameterLayout
  ) throws -> NamePattern {
    let pattern = NamePattern(text)
    if layout.slots.contains(where: { pattern.matches($0.name) }) { return pattern }
    let names = layout.slots.prefix(3).map(\.name).joined(separator: ", ")
    throw OptimizerError(
      .patternWithoutMatch,
      "\(key): the pattern '\(text)' fits no parameter of this model (names look like \(names));"
        + " correct it or remove it")
  }
}
