import Configuration
import Tensors

extension ShrinkTests.Case {
  private static let image = [values("x", [8, 8, 2]), labels("y", classes: 3)]
  private static let ragged = [
    MicrobatchField(name: "x", sampleShape: [4], element: .float, longest: 7),
    labels("y", classes: 3),
  ]

  private static func one(
    _ name: String, _ fields: [MicrobatchField], _ encoder: [LayerConfiguration],
    _ smaller: [String], hasNorms: Bool = false
  ) -> Self {
    Self(
      name: name, configuration: network(encoder), fields: fields,
      smaller: smaller.map { "modalities.x.\($0)" }, hasNorms: hasNorms)
  }

  private static func recurrent(
    _ cell: RecurrentConfiguration.Cell, layers: Int = 1, bidirectional: Bool = false
  ) -> LayerConfiguration {
    .recurrent(
      RecurrentConfiguration(
        cell: cell, hidden: 8, layers: layers, bidirectional: bidirectional))
  }

  private static func fused(
    _ name: String, _ fusion: FusionConfiguration, missing: MissingConfiguration = .init(),
    _ smaller: [String]
  ) -> Self {
    Self(
      name: name,
      configuration: ModelConfiguration(
        modalities: [
          ModalityConfiguration(
            name: "x", field: "x",
            encoder: [conv(6, 3), norm, relu, conv(5, 3), .flatten, linear(9)]),
          ModalityConfiguration(name: "z", field: "z", encoder: [linear(12), relu, linear(9)]),
        ], fusion: fusion, missing: missing,
        heads: [
          HeadConfiguration(
            name: "y", layers: [relu, linear(6), relu, linear(3)], loss: plainCrossEntropy,
            target: "y")
        ]),
      fields: [values("x", [8, 8, 2]), values("z", [5]), labels("y", classes: 3)], smaller: smaller)
  }

  private static let pictures: [Self] = [
    one(
      "convolutions", image,
      [
        conv(8, 3, padding: 1), norm, relu, .maxPool(window(2)), conv(12, 3), norm, relu, .flatten,
        linear(10), relu,
      ], ["0.out", "4.out", "8.out"]),
    one(
      "convolutions of channels", image,
      [
        conv(8, 3, padding: 1), .activation(.sigmoid), conv(8, 3, groups: 8), norm, relu,
        conv(8, 1),
        .averagePool(window(2)), .activation(.leakyRelu(slope: 0.1)), .globalAveragePool,
      ], ["0.out", "2.out", "2.groups", "5.out"]),
    one(
      "residuals", image,
      [
        conv(8, 3, padding: 1), norm, relu,
        .residual(
          layers: [conv(8, 3, padding: 1), norm, relu, conv(8, 3, padding: 1), norm], shortcut: []),
        relu,
        .residual(
          layers: [conv(12, 3, stride: 2, padding: 1), norm, relu, conv(12, 3, padding: 1), norm],
          shortcut: [conv(12, 1, stride: 2), norm]), relu, .globalAveragePool,
      ],
      [
        "0.out", "3.layers.0.out", "3.layers.3.out", "5.layers.0.out", "5.layers.3.out",
        "5.shortcut.0.out",
      ]),
    one(
      "branches", image,
      [
        .concat(branches: [[conv(6, 1), norm], [conv(8, 3, padding: 1), relu]]), conv(7, 3), relu,
      ], ["0.branches.0.0.out", "0.branches.1.0.out", "1.out"]),
  ]

  private static let steps: [Self] = [
    one(
      "convolutions over steps", ragged,
      [conv1d(8, 3, padding: 1), norm, relu, conv1d(6, 2, padding: 1), .pool(.max)],
      ["0.out", "3.out"]),
    one(
      "gru", ragged,
      [linear(6), recurrent(.gru(.resetAfter), layers: 2, bidirectional: true), .pool(.mean)],
      ["0.out", "1.hidden"]),
    one("original gru", ragged, [recurrent(.gru(.original)), .pool(.attention)], ["0.hidden"]),
    one(
      "lstm", ragged, [recurrent(.lstm, layers: 2), .pool(.last), linear(5)], ["0.hidden", "2.out"]),
    one(
      "rows of an image", image,
      [conv(8, 3, padding: 1), relu, .toSequence(.row), recurrent(.lstm), .pool(.last)],
      ["0.out", "3.hidden"]),
    one(
      "attention", ragged,
      [linear(8), .attention(AttentionConfiguration(heads: 4)), .pool(.max)], ["1.heads", "0.out"]),
    one(
      "transformer", ragged,
      [
        linear(8),
        .transformer(TransformerConfiguration(layers: 2, heads: 4, hidden: 10, causal: true)),
        .pool(.mean),
      ], ["1.heads", "1.hidden"], hasNorms: true),
    Self(
      name: "embedding",
      configuration: network([
        .embedding(size: 8), .positional(.learned(length: 6)), relu, .flatten,
      ]),
      fields: [labels("x", [6], classes: 11), labels("y", classes: 3)],
      smaller: ["modalities.x.0.size"]),
  ]

  private static let fusions: [Self] = [
    fused("concat", .concat, ["modalities.x.0.out", "modalities.x.5.out", "modalities.z.2.out"]),
    fused(
      "concat with substitutes", .concat,
      missing: MissingConfiguration(
        drop: [MissingConfiguration.Drop(modality: "x", rate: 0.3)], substitute: .learned),
      ["modalities.x.5.out", "heads.y.1.out"]),
    fused("sum", .sum, ["modalities.x.5.out", "modalities.z.2.out"]),
    fused("gated", .gated(out: 8), ["fusion.out", "modalities.z.2.out"]),
    fused("low rank", .lowRank(rank: 3, out: 8), ["fusion.out", "modalities.z.2.out"]),
    Self(
      name: "dot",
      configuration: ModelConfiguration(
        modalities: ["a", "b"].map {
          ModalityConfiguration(name: $0, field: $0, encoder: [.embedding(size: 9)])
        },
        heads: [
          HeadConfiguration(
            name: "y", layers: [.dot(biases: true, offset: 0.5)], loss: .meanSquaredError,
            target: "y")
        ]),
      fields: [labels("a", classes: 7), labels("b", classes: 5), values("y", [1])],
      smaller: ["modalities.a.0.size", "modalities.b.0.size"]),
  ]

  /// Every kind of layer that has a rule.
  static let all: [Self] = pictures + steps + fusions
}
