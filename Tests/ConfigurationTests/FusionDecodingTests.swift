import Configuration
import Testing

/// How modalities are joined, as written.
@Suite struct FusionDecodingTests {
  private static let base = """
    name: small
    data: {file: small.h5}
    batch: {global: 8}
    modalities:
      image: {field: image, encoder: [flatten, {linear: 4}]}
      table: {field: table, encoder: [{linear: 4}]}
    heads:
      out: {layers: [{linear: 3}], loss: crossEntropy, target: label}
      picture: {from: image, layers: [{linear: 3}], loss: crossEntropy, target: label}
    optimizer: {adam: {learningRate: 1.0e-3}}
    train: {epochs: 2}

    """

  private static let forms: [(String, FusionConfiguration)] = [
    ("concat", .concat), ("sum", .sum), ("mean", .mean), ("tensor", .tensor),
    ("{gated: 8}", .gated(out: 8)), ("{gated: {out: 8}}", .gated(out: 8)),
    ("{lowRank: {rank: 2, out: 8}}", .lowRank(rank: 2, out: 8)),
    ("lateProduct", .lateProduct(prior: nil)),
    ("{lateProduct: [0.5, 0.25, 0.25]}", .lateProduct(prior: [0.5, 0.25, 0.25])),
    ("sequence", .sequence), ("{crossAttention: 2}", .crossAttention(heads: 2)),
    (
      "{bottleneck: {tokens: 4, layers: 2, heads: 2}}",
      .bottleneck(BottleneckConfiguration(tokens: 4, layers: 2, heads: 2))
    ),
    (
      "{bottleneck: {tokens: 4, layers: 2, heads: 2, hidden: 9}}",
      .bottleneck(BottleneckConfiguration(tokens: 4, layers: 2, heads: 2, hidden: 9))
    ),
  ]

  @Test(arguments: forms) func everyFusionIsReadAndWrittenBack(
    _ text: String, _ fusion: FusionConfiguration
  ) throws {
    let run = try RunConfiguration.decode(yaml: Self.base + "fusion: \(text)\n", name: "run.yaml")
    #expect(run.model.fusion == fusion)
    let again = try RunConfiguration.decode(yaml: run.resolvedYAML, name: "again.yaml")
    #expect(again == run)
  }

  @Test func sourcesRatesAndSubsetsAreReadAndWrittenBack() throws {
    let text = """
      missing: {drop: {table: 0.25}, substitute: learned}
      evaluate: {subsets: [[image], [table]]}

      """
    let run = try RunConfiguration.decode(yaml: Self.base + text, name: "run.yaml")
    #expect(run.model.heads.map(\.source) == [nil, "image"])
    #expect(run.model.missing.drop == [.init(modality: "table", rate: 0.25)])
    #expect(run.model.missing.substitute == .learned)
    #expect(run.evaluate.subsets == .listed([["image"], ["table"]]))
    #expect(try RunConfiguration.decode(yaml: run.resolvedYAML, name: "again.yaml") == run)
    let plain = try RunConfiguration.decode(yaml: Self.base, name: "run.yaml")
    let mixed = try RunConfiguration.decode(
      yaml: Self.base + "mixup: {alpha: 0.2}\n", name: "run.yaml")
    #expect(mixed.model.mixup == MixupConfiguration(alpha: 0.2) && plain.model.mixup == nil)
    #expect(try RunConfiguration.decode(yaml: mixed.resolvedYAML, name: "again.yaml") == mixed)
    #expect(mixed.identity != plain.identity)
    // What is left out of training decides the result; what is measured does not.
    #expect(plain.identity != run.identity)
    var measured = plain
    measured.evaluate.subsets = .all
    #expect(measured.identity == plain.identity)
  }
}
