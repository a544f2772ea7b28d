import Configuration
import Tensors

extension Compiler {
  /// What a whole configuration compiles to.
  struct Network {
    var fusion: Fusion
    var heads: [Head]
    var branches: [HeadBranch]
    var coupling: Coupling?
    var couplingBranch: CouplingBranch?
    /// Where the heads' gradients are added; nil when no encoder has parameters.
    var fusedGradient: Place?
  }

  /// Compiles encoders, fusion and heads, then the way back.
  mutating func network(
    _ configuration: ModelConfiguration, fields: [MicrobatchField], requireTargets: Bool
  ) throws -> Network {
    try requireNames(configuration.modalities.map(\.name), "modalities")
    try requireReaders(configuration)
    let chains = try configuration.modalities.map { modality in
      try encoder(modality, fields: fields)
    }
    let fusion =
      configuration.heads.isEmpty
      ? Fusion(
        chains: chains, outputs: chains.map(\.output), output: chains[0].output, index: nil)
      : try fuse(chains, configuration.modalities)
    let coupled = try configuration.coupling.map {
      try coupling(
        $0, chains, configuration.modalities, fields: fields, requireFields: requireTargets)
    }
    let fused = configuration.heads.count == 1 ? fusion.output : fusion.output.shared
    var heads: [Head] = []
    var branches: [HeadBranch] = []
    for head in configuration.heads {
      let (description, branch) = try self.head(
        head, from: fused, fields: fields, requireTargets: requireTargets)
      heads.append(description)
      branches.append(branch)
    }
    let sum = planBackward(fusion, branches, coupled?.1)
    return Network(
      fusion: fusion, heads: heads, branches: branches, coupling: coupled?.0,
      couplingBranch: coupled?.1, fusedGradient: sum)
  }

  /// Plans gradients, last layer first, and returns where the heads' gradients are added.
  private mutating func planBackward(
    _ fusion: Fusion, _ branches: [HeadBranch], _ coupling: CouplingBranch?
  ) -> Place? {
    var sum: Gradient?
    for branch in branches.reversed() { branch.planBackward(&sum, &slabs) }
    let coupled = coupling?.planBackward(&slabs) ?? [:]
    if sum != nil || !coupled.isEmpty {
      fusion.planBackward(sum, coupled: coupled, &slabs)
    }
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
      flattened: nil, vocabulary: field.classes, source: index)
    let chain = try chain(modality.encoder, from: placed(input, field, index), prefix: path)
    guard chain.output.element == .float else {
      throw ModelError(
        .element, path,
        "expected values, found the integer field '\(field.name)'; put an embedding first")
    }
    return chain
  }

  /// A field's tensor on the axes of its samples' extents.
  private mutating func placed(_ value: Value, _ field: MicrobatchField, _ index: Int) -> Value {
    var value = value
    var base: Int?
    if field.isOptional {
      let presence = Axis(
        rule: .presence(field: index), most: 1, isSequence: false, base: nil)
      setAxis(of: &value, presence)
      base = value.axis
    }
    if let longest = field.longest {
      setAxis(
        of: &value,
        Axis(rule: .steps(field: index), most: longest, isSequence: true, base: base))
    }
    return value
  }

  /// Joins the encoders' outputs, or passes the only one on.
  private mutating func fuse(
    _ chains: [Chain], _ modalities: [ModalityConfiguration]
  ) throws -> Fusion {
    if chains.count == 1, chains[0].output.axis == nil || chains[0].output.isSequence {
      return Fusion(
        chains: chains, outputs: [chains[0].output], output: chains[0].output, index: nil)
    }
    for (chain, modality) in zip(chains, modalities) where whole(chain.output).isSequence {
      throw ModelError(
        .shape, "modalities.\(modality.name)",
        "concat expected one vector a sample, found \(described(chain.output)); end the encoder "
          + "with pool")
    }
    let bytes = plan.byteCount
    var first = chains[0].output
    (first.axis, first.mostUnits, first.isSequence) = (nil, 1, false)
    let context = LayerContext(path: "fusion", input: first, previous: nil, next: nil)
    let outputs = chains.map { whole($0.output) }
    let width = outputs.reduce(0) { $0 + $1.unitCount }
    let output = try output(
      [width], context, requiresGradient: chains.contains { $0.output.requiresGradient },
      channelsFirst: false)
    summaries.append(
      LayerSummary(
        path: "fusion", kind: "concat", outputShape: [width], parameterCount: 0,
        multiplyAddsPerSample: 0, arenaBytes: plan.byteCount - bytes))
    probes.append(Probe(path: "fusion", place: output.place, scalars: output.scalars))
    return Fusion(
      chains: chains, outputs: outputs, output: output, index: summaries.count - 1)
  }

  /// Heads or a coupling must be there, and without heads every modality must be coupled.
  private func requireReaders(_ configuration: ModelConfiguration) throws {
    guard let coupling = configuration.coupling, configuration.heads.isEmpty else {
      return try requireNames(configuration.heads.map(\.name), "heads")
    }
    let sides = [coupling.first.modality, coupling.second.modality]
    for modality in configuration.modalities where !sides.contains(modality.name) {
      throw ModelError(
        .structure, "modalities.\(modality.name)",
        "expected a modality that a head or the coupling reads, found neither; add a head or take "
          + "the modality away")
    }
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
