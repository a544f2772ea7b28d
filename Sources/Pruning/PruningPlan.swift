import Configuration
import Parameters

/// What a run prunes: the tensors, and which of them share one threshold.
///
/// Prunable are the weights of linear, convolution, recurrent and attention layers: never biases, scales and
/// shifts of normalisations, or statistics; embeddings and the last layer of every head only where asked; and
/// never a sharded table, whose rows no node holds together.
public struct PruningPlan: Sendable, Equatable {
  /// One tensor that is pruned.
  public struct Tensor: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// Its place in the canonical order.
    public let range: Range<Int>
    /// The weights it keeps whatever the threshold.
    public let least: Int
    /// The number of its group.
    public let group: Int
  }

  /// The tensors, in canonical order.
  public let tensors: [Tensor]
  /// How many groups there are; each has one threshold.
  public let groupCount: Int
  /// Which weights become zero together.
  public let pattern: PruningConfiguration.Pattern
  /// How each tensor is cut into what becomes zero together; empty where weights stand alone.
  public let grids: [TensorGrid]

  /// N: the weights of all tensors.
  public var count: Int { tensors.reduce(0) { $0 + $1.range.count } }

  /// Resolves a configuration over a model's parameters.
  ///
  /// - Parameters:
  ///   - configuration: what is asked for.
  ///   - layout: the model's slots.
  /// - Throws: ``PruningError`` for a pattern that fits nothing, and a sparsity that cannot be.
  public init(_ configuration: PruningConfiguration, layout: ParameterLayout) throws {
    let slots = try Self.choose(configuration, layout)
    let groups = try Self.groups(configuration.scope, slots.map(\.name))
    tensors = zip(slots, groups).map { slot, group in
      let least = (configuration.keepAtLeast * Double(slot.count)).rounded(.up)
      return Tensor(
        name: slot.name, range: slot.range, least: max(1, min(slot.count, Int(least))), group: group
      )
    }
    groupCount = (groups.max() ?? -1) + 1
    pattern = configuration.pattern
    grids =
      pattern.rectangle.map { size in
        slots.map { TensorGrid($0, height: size.height, width: size.width) }
      } ?? []
  }

  init(
    _ tensors: [Tensor], groupCount: Int, _ pattern: PruningConfiguration.Pattern = .single,
    _ grids: [TensorGrid] = []
  ) {
    (self.tensors, self.groupCount, self.pattern, self.grids) = (
      tensors, groupCount, pattern, grids
    )
  }

  /// The tensors of a group.
  public func tensors(ofGroup group: Int) -> [Tensor] { tensors.filter { $0.group == group } }

  /// How many weights of a group are zero at a sparsity: the nearest whole number, halves away from 0.
  ///
  /// Of groups of weights what they leave, whatever the sparsity; of blocks those of as many as are zero, at most: some
  /// at the edges may be smaller.
  public func zeros(ofGroup group: Int, at sparsity: Double) -> Int {
    let count = tensors(ofGroup: group).reduce(0) { $0 + $1.range.count }
    switch pattern {
    case .single: return Int((sparsity * Double(count)).rounded())
    case .group(let keep, _):
      return tensors.indices.filter { tensors[$0].group == group }
        .reduce(0) { $0 + grids[$1].zeros(keeping: keep) }
    case .block(let outputs, let inputs):
      let blocks = rectangles.zeros(ofGroup: group, at: sparsity)
      return min(count, blocks * outputs * inputs)
    }
  }

  /// How many weights are zero at a sparsity, over all groups.
  public func zeros(at sparsity: Double) -> Int {
    (0..<groupCount).reduce(0) { $0 + zeros(ofGroup: $1, at: sparsity) }
  }

  // MARK: Choosing

  /// The slots that are pruned.
  private static func choose(
    _ configuration: PruningConfiguration, _ layout: ParameterLayout
  ) throws -> [ParameterSlot] {
    let weights = layout.slots.filter {
      $0.role == .trainable && $0.decaysByDefault && $0.table != .sharded && $0.count > 0
    }
    let last = lastLayers(weights)
    let candidates = weights.filter { slot in
      (configuration.embeddings || !slot.isTable)
        && (configuration.lastLayers || !last.contains(slot.name))
    }
    try check(configuration.include, "include", weights.map(\.name), candidates.map(\.name))
    let all = layout.slots.map(\.name)
    try check(configuration.exclude, "exclude", all, all)
    let (include, exclude) = (
      configuration.include.map(NamePattern.init), configuration.exclude.map(NamePattern.init)
    )
    let chosen = candidates.filter { slot in
      (include.isEmpty || include.contains { $0.matches(slot.name) })
        && !exclude.contains { $0.matches(slot.name) }
    }
    if !chosen.isEmpty { return chosen }
    throw PruningError(
      .patternWithoutMatch,
      "pruning: no weights are left to prune (of \(listed(weights.map(\.name)))); change exclude, or set "
        + "lastLayers or embeddings to true")
  }

  /// The last weights of every head.
  private static func lastLayers(_ weights: [ParameterSlot]) -> Set<String> {
    var last: [Substring: String] = [:]
    for slot in weights where slot.name.hasPrefix("heads.") {
      let head = slot.name.split(separator: ".", maxSplits: 2)[1]
      last[head] = slot.name
    }
    return Set(last.values)
  }

  /// Every pattern must fit one of the names that count.
  private static func check(
    _ patterns: [String], _ key: String, _ known: [String], _ allowed: [String]
  ) throws {
    for text in patterns {
      let pattern = NamePattern(text)
      if allowed.contains(where: pattern.matches) { continue }
      let isKept = known.contains(where: pattern.matches)
      throw PruningError(
        .patternWithoutMatch,
        "pruning.\(key): the pattern '\(text)' fits "
          + (isKept
            ? "only embeddings or last layers, which stay unless embeddings or lastLayers is true"
            : "nothing that could be pruned (weights are \(listed(known))); correct it or remove it")
      )
    }
  }

  /// The group of every tensor, numbered in the order of their first tensors.
  private static func groups(
    _ scope: PruningConfiguration.Scope, _ names: [String]
  ) throws -> [Int] {
    switch scope {
    case .global: return names.map { _ in 0 }
    case .layer: return Array(names.indices)
    case .groups(let patterns):
      try check(patterns, "scope.groups", names, names)
      var numbers: [Int: Int] = [:]
      return try names.map { name in
        guard let fit = patterns.firstIndex(where: { NamePattern($0).matches(name) }) else {
          throw PruningError(
            .patternWithoutMatch,
            "pruning.scope.groups: no pattern fits \(name); add one, '*' for what is left, or exclude it"
          )
        }
        numbers[fit] = numbers[fit] ?? numbers.count
        return numbers[fit] ?? 0
      }
    }
  }

  private static func listed(_ names: [String]) -> String {
    names.isEmpty
      ? "none"
      : names.prefix(4).joined(separator: ", ") + (names.count > 4 ? " and others" : "")
  }
}
