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
    var mixing: Mixing?
    var hints: [HintBranch] = []
    var readPoints: [ReadPoint] = []
  }

  /// What others want of a network beside its outputs.
  struct Wishes {
    /// Paths of layers whose outputs are read.
    var reading: [String] = []
    /// Layers that learn from another network's.
    var hints: [HintRequest] = []
  }

  /// Compiles encoders, fusion, coupling and heads, then the way back.
  mutating func network(
    _ configuration: ModelConfiguration, fields: [MicrobatchField], requireTargets: Bool,
    selectable: Bool, wishes: Wishes = Wishes()
  ) throws -> Network {
    readPaths = Set(wishes.reading + wishes.hints.map(\.layer))
    try requireNames(configuration.modalities.map(\.name), "modalities")
    try requireReaders(configuration)
    try setPresence(configuration, fields)
    mixing = try planMixing(configuration)
    let encoders = try configuration.modalities.indices.map { index in
      let modality = configuration.modalities[index]
      let rate = axes.modalities[index].rate
      let isGated = configuration.modalities.count > 1 && (selectable || rate > 0)
      return try encoder(modality, gate: isGated ? index : nil, fields: fields)
    }
    let fusion = try fuse(encoders, configuration)
    let coupled = try configuration.coupling.map {
      try coupling($0, encoders, configuration, fields: fields, requireFields: requireTargets)
    }
    let (heads, branches) = try self.heads(
      configuration, encoders, fusion, fields: fields, requireTargets: requireTargets)
    if configuration.coupling != nil { try refuseSynchronization() }
    try checkSharding(configuration)
    let readPoints = try points(wishes.reading)
    let hints = try self.hints(wishes.hints)
    switch purpose {
    case .training:
      for hint in hints.reversed() { hint.planBackward(&slabs) }
      for branch in branches.reversed() { branch.planBackward(&slabs) }
      coupled?.1.planBackward(&slabs)
      fusion.planBackward(&slabs)
    case .evaluation:
      for branch in branches { branch.planEvaluation(&slabs) }
    }
    try settleSegments()
    precondition(slabs.isIdle, "a gradient's memory was never released")
    return Network(
      fusion: fusion, heads: heads, branches: branches, coupling: coupled?.0,
      couplingBranch: coupled?.1, mixing: mixing, hints: hints, readPoints: readPoints)
  }

  /// Compiles all heads, each on the fusion or on the encoder that it names.
  private mutating func heads(
    _ configuration: ModelConfiguration, _ encoders: [Encoder], _ fusion: Fusion,
    fields: [MicrobatchField], requireTargets: Bool
  ) throws -> ([Head], [HeadBranch]) {
    // Whoever is the only reader may write over what is read.
    let isOnly =
      configuration.heads.count == 1 && configuration.heads[0].source == nil
      && configuration.coupling == nil
    var heads: [Head] = []
    var branches: [HeadBranch] = []
    for head in configuration.heads {
      if head.source == nil { try requireHalves(head, encoders, configuration) }
      let source = configuration.modalities.firstIndex { $0.name == head.source }
      guard let port = source.map({ encoders[$0].output }) ?? fusion.output else {
        preconditionFailure("a fusion that is read was not compiled")
      }
      let (description, branch) = try self.head(
        head, reading: port, isOnly ? port.value : port.value.shared, fields: fields,
        requireTargets: requireTargets)
      heads.append(description)
      branches.append(branch)
    }
    return (heads, branches)
  }

  /// Heads or a coupling are there, every head reads something that there is, and somebody reads every
  /// modality.
  private func requireReaders(_ configuration: ModelConfiguration) throws {
    if configuration.coupling == nil || !configuration.heads.isEmpty {
      try requireNames(configuration.heads.map(\.name), "heads")
    }
    let names = configuration.modalities.map(\.name)
    for head in configuration.heads {
      guard let source = head.source, !names.contains(source) else { continue }
      throw ModelError(
        .structure, "heads.\(head.name)",
        "expected from to be fusion or one of \(names.joined(separator: ", ")), found \(source)")
    }
    guard !configuration.heads.contains(where: { $0.source == nil }) else { return }
    var read = configuration.heads.compactMap(\.source)
    if let coupling = configuration.coupling {
      read += [coupling.first.modality, coupling.second.modality]
    }
    for name in names where !read.contains(name) {
      throw ModelError(
        .structure, "modalities.\(name)",
        "expected a head or a coupling that reads it, found none; let a head read it or the "
          + "fusion, or leave the modality out")
    }
  }

  /// Learns which modalities samples may lack, and how often training leaves them out.
  private mutating func setPresence(
    _ configuration: ModelConfiguration, _ fields: [MicrobatchField]
  ) throws {
    let missing = configuration.missing
    let names = configuration.modalities.map(\.name)
    for drop in missing.drop {
      guard names.contains(drop.modality), names.count > 1, drop.rate >= 0, drop.rate < 1 else {
        throw ModelError(
          .setting, "missing.drop.\(drop.modality)",
          "expected one of several modalities and a rate in 0 ..< 1, found \(drop.rate) of "
            + "\(names.joined(separator: ", "))")
      }
    }
    axes.modalities = configuration.modalities.map { modality in
      Presence(
        field: fields.firstIndex { $0.name == modality.field && $0.isOptional },
        rate: Float(missing.drop.first { $0.modality == modality.name }?.rate ?? 0),
        path: pathHash("modalities.\(modality.name)"))
    }
  }

  private mutating func encoder(
    _ modality: ModalityConfiguration, gate: Int?, fields: [MicrobatchField]
  ) throws -> Encoder {
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
    let raw = Value(
      place: .field(index), shape: field.sampleShape, element: field.element,
      requiresGradient: false, overwritable: false, channelsFirst: field.sampleShape.count == 3,
      flattened: nil, vocabulary: field.classes, source: index)
    var input = placed(raw, field, index)
    var mixture: MixingStage?
    if let mixing {
      let mixed = try mixed(input, field, by: mixing, path)
      mixture = mixed
      input = mixed.output
    }
    var stage: PresenceGate?
    if let gate {
      let gated = try gated(input, modality: gate, path)
      stage = PresenceGate(input: input, output: gated)
      input = gated
    }
    let chain = try chain(modality.encoder, from: input, prefix: path)
    guard chain.output.element == .float else {
      throw ModelError(
        .element, path,
        "expected values, found the integer field '\(field.name)'; put an embedding first")
    }
    return Encoder(mixture: mixture, gate: stage, chain: chain, output: chain.output)
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

  /// A copy of a field's tensor with the samples only that have the modality in the pass.
  private mutating func gated(
    _ value: Value, modality: Int, _ path: String
  ) throws -> Value {
    var output = value
    let taken = axes.index(
      Axis(rule: .taken(modality: modality), most: 1, isSequence: false, base: nil))
    if let steps = value.axis, value.isSequence {
      setAxis(
        of: &output,
        Axis(
          rule: .masked(parent: steps, by: taken), most: value.mostUnits, isSequence: true,
          base: taken))
    } else {
      setAxis(of: &output, axes.axes[taken])
    }
    let scalars = try memory(output, path)
    output.place = .region(
      value.element == .float ? plan.reserve(scalars) : plan.reserve(scalars, of: Int64.self))
    return output
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
