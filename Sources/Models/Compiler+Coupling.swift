import Configuration
import Glibc
import Tensors

extension Compiler {
  /// Compiles the coupling of two modalities on their encoders' outputs.
  mutating func coupling(
    _ configuration: CouplingConfiguration, _ encoders: [Encoder], _ model: ModelConfiguration,
    fields: [MicrobatchField], requireFields: Bool
  ) throws -> (Coupling, CouplingBranch) {
    let path = "coupling"
    var contrast: CouplingConfiguration.Contrast?
    if case .infoNCE(let settings) = configuration.objective { contrast = settings }
    let logScale = try contrast.flatMap { try scaleSlot($0.temperature, path) }
    let towers = try [configuration.first, configuration.second].map { side in
      try tower(
        side, normalizes: contrast != nil, encoders, model.modalities, "\(path).\(side.modality)")
    }
    guard towers[0].width == towers[1].width else {
      throw ModelError(
        .shape, path,
        "expected vectors of one width, found \(towers[0].width) of \(configuration.first.modality) "
          + "and \(towers[1].width) of \(configuration.second.modality); give them projections that "
          + "end alike")
    }
    let coupling = Coupling(
      objective: contrast == nil ? .alignment : .contrast, width: towers[0].width,
      weight: configuration.weight, logScale: logScale,
      initialScale: contrast.map { 1 / $0.temperature.initial } ?? 1,
      maximumScale: contrast.map { Self.maximumScale($0.temperature) } ?? 1,
      maskIndex: try identities(contrast?.maskSame, fields, requireFields, path),
      popularityIndex: try identities(contrast?.popularity, fields, requireFields, path))
    return (coupling, CouplingBranch(towers: towers, logScale: logScale))
  }

  /// A first pass over the batch knows microbatches one by one, so no layer may wait for others.
  func refuseSynchronization() throws {
    guard synchronization.group > 1 else { return }
    throw ModelError(
      .setting, "coupling",
      "expected no batchNorm with sync beside a coupling, found one at \(synchronization.path); "
        + "take sync away")
  }

  /// Rows are fetched for microbatches one by one, so no layer may wait for others, nor run twice.
  func checkSharding(_ configuration: ModelConfiguration) throws {
    guard !shardedReaders.isEmpty else { return }
    guard configuration.coupling == nil, synchronization.group == 1 else {
      throw ModelError(
        .setting, configuration.coupling == nil ? synchronization.path : "coupling",
        "expected neither a coupling nor a batchNorm with sync beside an embedding with shard: true; "
          + "set shard: false")
    }
  }

  /// The slot of t, where the scale is learned.
  private mutating func scaleSlot(
    _ temperature: CouplingConfiguration.Temperature, _ path: String
  ) throws -> Int? {
    guard case .learned(let initial, _) = temperature else { return nil }
    return layout.reserve(
      "\(path).logScale", [1], initializer: .constant(Float(-log(initial)))
    ).offset
  }

  private static func maximumScale(_ temperature: CouplingConfiguration.Temperature) -> Double {
    guard case .learned(_, let most) = temperature else { return 1 / temperature.initial }
    return most
  }

  private mutating func tower(
    _ side: CouplingConfiguration.Side, normalizes: Bool, _ encoders: [Encoder],
    _ modalities: [ModalityConfiguration], _ path: String
  ) throws -> CouplingBranch.Tower {
    guard let index = modalities.firstIndex(where: { $0.name == side.modality }) else {
      throw ModelError(
        .structure, path,
        "expected a modality '\(side.modality)', found "
          + modalities.map(\.name).joined(separator: ", "))
    }
    // Fusion and heads may read the same output.
    let encoder = encoders[index]
    let chain = try chain(side.projection, from: encoder.output.value.shared, prefix: path)
    // The two sides' vectors are compared channel by channel.
    units.fix(chain.output.channelUnits, unruled: path)
    let output = whole(chain.output)
    guard !output.isSequence, output.element == .float else {
      throw ModelError(
        .shape, path,
        "a coupling expected one vector a sample, found \(described(chain.output)); end the encoder "
          + "or the projection with pool")
    }
    let vectors = plan.reserve(try memory(output, path))
    let norms =
      normalizes ? plan.reserve(try product([output.mostUnits, capacity], path)) : nil
    return CouplingBranch.Tower(
      on: encoder, chain: chain, output: output, vectors: vectors, inverseNorms: norms)
  }

  /// The index of a field with one id a sample.
  private func identities(
    _ name: String?, _ fields: [MicrobatchField], _ isRequired: Bool, _ path: String
  ) throws -> Int? {
    guard let name else { return nil }
    guard let index = fields.firstIndex(where: { $0.name == name }) else {
      if isRequired { throw missing(name, fields: fields, path) }
      return nil
    }
    let field = fields[index]
    guard field.element == .integer, field.scalarsPerUnit == 1, !field.isPacked else {
      throw ModelError(
        .element, path,
        "expected one id for each sample in '\(name)', found "
          + "\(field.element == .float ? "values" : "integers") of shape \(field.sampleShape)"
          + (field.isPacked ? " that samples may lack or differ in" : ""))
    }
    return index
  }
}
