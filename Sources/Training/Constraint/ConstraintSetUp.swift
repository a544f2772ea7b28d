import Configuration
import Models
import Parameters

/// Which tensors a run holds to what, worked out before it starts.
public struct ConstraintSetUp: Sendable {
  /// The tensors, in canonical order.
  let tensors: [Tensor]

  /// One tensor that is held to something.
  struct Tensor: Sendable {
    /// Its name.
    let name: String
    /// The number of its slot.
    let slot: Int
    /// Its place in the canonical order.
    let range: Range<Int>
    /// To what.
    let kind: ConstraintConfiguration.Kind
    /// The layer's number among the model's linear layers and convolutions; nil elsewhere.
    let layer: Int?
    /// The weights of each output; nil for a tensor of one extent.
    let groups: WeightGroups?
  }

  /// Resolves a configuration over a model's parameters; nil where nothing is held to anything.
  ///
  /// - Parameters:
  ///   - configuration: of the run.
  ///   - model: whose weights they are.
  ///   - totalSteps: optimizer steps of the run.
  /// - Throws: ``TrainingError`` for a pattern that fits nothing, and for what cannot be.
  init?(_ configuration: RunConfiguration, _ model: Model, totalSteps: Int) throws {
    guard !configuration.constraints.isEmpty else { return nil }
    for (index, constraint) in configuration.constraints.enumerated() {
      try Self.check(constraint, at: "constraint.\(index)", model, totalSteps: totalSteps)
    }
    let watched = model.codableWeights.map(\.offset)
    tensors = model.layout.slots.enumerated().compactMap { number, slot in
      let fit = configuration.constraints.first { Self.fits($0, slot, watched) }
      return fit.map {
        Tensor(
          name: slot.name, slot: number, range: slot.range, kind: $0.kind,
          layer: watched.firstIndex(of: slot.offset), groups: Self.groups(slot))
      }
    }
  }

  private static func check(
    _ constraint: ConstraintConfiguration, at key: String, _ model: Model, totalSteps: Int
  ) throws {
    let layout = model.layout
    let pattern = NamePattern(constraint.match)
    let named = layout.slots.filter { pattern.matches($0.name) }
    if let table = named.first(where: { $0.table == .sharded || $0.table == .lazy }) {
      throw TrainingError(
        .badConfiguration,
        "\(key).match: the pattern '\(constraint.match)' fits \(table.name), a table of which a step moves some rows, and "
          + "a constraint all; name others, or give the embedding rows: dense")
    }
    let watched = model.codableWeights.map(\.offset)
    guard layout.slots.contains(where: { fits(constraint, $0, watched) }) else {
      let known = layout.slots.filter { $0.role == .trainable }.prefix(4).map(\.name)
      let what =
        named.isEmpty ? "no parameter" : "none that \(constraint.kind.name) has a meaning for"
      throw TrainingError(
        .badConfiguration,
        "\(key).match: the pattern '\(constraint.match)' fits \(what) (names look like "
          + "\(known.joined(separator: ", "))); correct it or remove it")
    }
    if case .samples = constraint.kind, !layout.shardedTables.isEmpty {
      throw TrainingError(
        .badConfiguration,
        "\(key).samples: expected a network whose tables every node has, found one that is sharded; use quantile or box"
      )
    }
    if let step = constraint.kind.firstStep, step > totalSteps {
      throw TrainingError(
        .badConfiguration,
        "\(key).\(constraint.kind.name).at: expected at most \(totalSteps), the steps of this run, found \(step)"
      )
    }
  }

  /// Whether a constraint has a meaning for a tensor that its pattern fits.
  private static func fits(
    _ constraint: ConstraintConfiguration, _ slot: ParameterSlot, _ watched: [Int]
  ) -> Bool {
    guard slot.role == .trainable, slot.count > 0, !slot.isAuxiliary,
      NamePattern(constraint.match).matches(slot.name)
    else { return false }
    switch constraint.kind {
    case .box, .quantile, .l1: return true
    // Where numbers go in and come out.
    case .samples: return watched.contains(slot.offset)
    // Biases, scales and shifts feed nothing together.
    case .maxNorm, .group, .topK: return groups(slot) != nil
    }
  }

  /// The weights that feed each output: rows, but the last extent of a convolution.
  private static func groups(_ slot: ParameterSlot) -> WeightGroups? {
    guard slot.shape.count >= 2 else { return nil }
    if case .convolution = slot.foreign, let outputs = slot.shape.last {
      return WeightGroups(count: outputs, size: slot.count / outputs, isContiguous: false)
    }
    return WeightGroups(
      count: slot.shape[0], size: slot.count / slot.shape[0], isContiguous: true)
  }
}
