import Configuration
import Tensors

extension Compiler {
  /// What a whole configuration compiles to.
  struct Network {
    var fusion: Fusion
    var heads: [Head]
    var branches: [HeadBranch]
    /// Where the heads' gradients are added; nil when no encoder has parameters.
    var fusedGradient: Place?
  }

  /// Compiles encoders, fusion and heads, then the way back.
  mutating func network(
    _ configuration: ModelConfiguration, fields: [MicrobatchField], requireTargets: Bool
  ) throws -> Network {
    try requireNames(configuration.modalities.map(\.name), "modalities")
    try requireNames(configuration.heads.map(\.name), "heads")
    let chains = try configuration.modalities.map { modality in
      try encoder(modality, fields: fields)
    }
    let fusion = try fuse(chains)
    let fused = configuration.heads.count == 1 ? fusion.output : fusion.output.shared
    var heads: [Head] = []
    var branches: [HeadBranch] = []
    for head in configuration.heads {
      let (description, branch) = try self.head(
        head, from: fused, fields: fields, requireTargets: requireTargets)
      heads.append(description)
      branches.append(branch)
    }
    let sum = planBackward(fusion, branches)
    return Network(fusion: fusion, heads: heads, branches: branches, fusedGradient: sum)
  }

  /// Plans gradients, last layer first, and returns where the heads' gradients are added.
  private mutating func planBackward(
    _ fusion: Fusion, _ branches: [HeadBranch]
  ) -> Place? {
    var sum: Gradient?
    for branch in branches.reversed() { branch.planBackward(&sum, &slabs) }
    if let sum { fusion.planBackward(sum, &slabs) }
    precondition(slabs.isIdle, "a gradient's memory was never released")
    return sum?.place
  }

  private mutating func encoder(
    _ modality: ModalityConfiguration, fields: [MicrobatchField]
  ) throws -> Chain {
    let path = "modalities.\(modality.name)"
    guard let index = fields.firstIndex(where: { $0.name == modality.field }) else {
      throw missing(modality.field, fields: fields, path)
    }
    let field = fields[index]
    guard field.sampleShape.allSatisfy({ $0 > 0 }) else {
      throw ModelError(
        .shape, path,
        "expected a field without empty axes, found '\(field.name)' of shape \(field.sampleShape)")
    }
    let input = Value(
      place: .field(index), shape: field.sampleShape, element: field.element,
      requiresGradient: false, overwritable: false, channelsFirst: field.sampleShape.count == 3,
      flattened: nil, vocabulary: field.classes)
    let chain = try chain(modality.encoder, from: input, prefix: path)
    guard chain.output.element == .float else {
      throw ModelError(
        .element, path,
        "expected values, found the integer field '\(field.name)'; put an embedding first")
    }
    return chain
  }

  /// Joins the encoders' outputs, or passes the only one on.
  private mutating func fuse(_ chains: [Chain]) throws -> Fusion {
    if chains.count == 1 { return Fusion(chains: chains, output: chains[0].output, index: nil) }
    let bytes = plan.byteCount
    let context = LayerContext(path: "fusion", input: chains[0].output, previous: nil, next: nil)
    let width = chains.reduce(0) { $0 + $1.output.count }
    let output = try output(
      [width], context, requiresGradient: chains.contains { $0.output.requiresGradient },
      channelsFirst: false)
    summaries.append(
      LayerSummary(
        path: "fusion", kind: "concat", outputShape: [width], parameterCount: 0,
        multiplyAddsPerSample: 0, arenaBytes: plan.byteCount - bytes))
    probes.append(Probe(path: "fusion", place: output.place, countPerSample: width))
    return Fusion(chains: chains, output: output, index: summaries.count - 1)
  }

  private func requireNames(_ names: [String], _ path: String) throws {
    guard !names.isEmpty else {
      throw ModelError(.structure, path, "expected at least one, found none")
    }
    guard Set(names).count == names.count else {
      throw ModelError(
        .structure, path, "expected different names, found \(names.joined(separator: ", "))")
    }
  }
}
