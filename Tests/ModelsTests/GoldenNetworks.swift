import Configuration
import Tensors

/// The networks of `Golden/make.py`, in this project's words.
struct GoldenNetwork: Sendable {
  let name: String
  let configuration: ModelConfiguration
  let fields: [MicrobatchField]

  /// All of them.
  static let all: [GoldenNetwork] = [
    image(
      "lenet", [16, 16, 1],
      [
        conv(4, 5), relu, .maxPool(window(2)), conv(6, 3), relu, .maxPool(window(2)), .flatten,
      ], [linear(20), relu, linear(10)]),
    image(
      "batch-norm", [8, 8, 2],
      [
        conv(5, 3, padding: 1), norm, relu, .maxPool(window(2)), conv(7, 3, padding: 1), norm,
        relu, .maxPool(window(2)), .flatten,
      ], [linear(12), norm, .activation(.tanh), linear(10)]),
    image("residual", [6, 6, 3], residualEncoder, [linear(10)]),
    image(
      "grouped-dilated", [9, 8, 4],
      [
        conv(6, 3, padding: 2, dilation: 2, groups: 2), relu,
        .conv(
          ConvolutionConfiguration(
            out: 12, kernel: [3, 2], stride: [2, 1], padding: [1, 0], groups: 6)),
        .activation(.tanh), conv(18, 3, stride: 2, bias: false), .flatten,
      ], [linear(10)]),
    image(
      "pools", [9, 9, 2],
      [
        conv(4, 3), .averagePool(window(3, stride: 2, padding: 1)),
        .concat(branches: [
          [conv(3, 3, padding: 1), relu], [.maxPool(window(3, stride: 1, padding: 1))],
          [.averagePool(window(3, stride: 1, padding: 1)), conv(2, 1)], [],
        ]), .maxPool(window(3, stride: 2, padding: 1)), .flatten,
      ], [linear(10)]),
    sound, dense, text, fusion, losses, normGroup,
  ]

  private static func image(
    _ name: String, _ shape: [Int], _ encoder: [LayerConfiguration],
    _ head: [LayerConfiguration]
  ) -> GoldenNetwork {
    GoldenNetwork(
      name: name,
      configuration: ModelConfiguration(
        modalities: [ModalityConfiguration(name: "image", field: "image", encoder: encoder)],
        heads: [
          HeadConfiguration(name: "y", layers: head, loss: plainCrossEntropy, target: "label")
        ]), fields: [values("image", shape), labels("label", classes: 10)])
  }

  private static let residualEncoder: [LayerConfiguration] = [
    conv(4, 3, padding: 1, bias: false), norm, relu,
    .residual(
      layers: [
        conv(8, 3, stride: 2, padding: 1, bias: false), norm, relu,
        conv(8, 3, padding: 1, bias: false), norm,
      ], shortcut: [conv(8, 1, stride: 2, bias: false), norm]), relu,
    .residual(
      layers: [
        conv(8, 3, padding: 1, bias: false), norm, relu, conv(8, 3, padding: 1, bias: false), norm,
      ], shortcut: []), relu, .globalAveragePool,
  ]

  private static let sound = GoldenNetwork(
    name: "conv1d",
    configuration: ModelConfiguration(
      modalities: [
        ModalityConfiguration(
          name: "sound", field: "wave",
          encoder: [
            conv1d(5, 5, stride: 2, padding: 2), relu, .maxPool(window(2)),
            conv1d(4, 2, dilation: 2), norm, .averagePool(window(2, stride: 1, padding: 1)),
            .flatten,
          ])
      ],
      heads: [
        HeadConfiguration(
          name: "y", layers: [linear(4)],
          loss: .crossEntropy(labelSmoothing: 0.1, classWeights: nil), target: "label")
      ]), fields: [values("wave", [20, 3]), labels("label", classes: 4)])

  private static let dense = GoldenNetwork(
    name: "dense",
    configuration: ModelConfiguration(
      modalities: [
        ModalityConfiguration(
          name: "table", field: "row",
          encoder: [
            linear(9), .layerNorm(epsilon: 1e-5), .activation(.gelu), linear(8),
            .activation(.tanh), linear(7), .activation(.leakyRelu(slope: 0.1)), linear(6),
            .activation(.sigmoid),
          ])
      ],
      heads: [
        HeadConfiguration(
          name: "y", layers: [linear(1)], loss: .binaryCrossEntropy, target: "label")
      ]), fields: [values("row", [7]), labels("label", classes: 2)])

  private static let text = GoldenNetwork(
    name: "embedding",
    configuration: ModelConfiguration(
      modalities: [
        ModalityConfiguration(
          name: "text", field: "words",
          encoder: [
            .embedding(vocabulary: 11, size: 5), .layerNorm(epsilon: 1e-5), linear(6),
            .activation(.gelu), .averagePool(window(2)), .globalAveragePool,
          ])
      ],
      heads: [
        HeadConfiguration(
          name: "y", layers: [linear(3)],
          loss: .crossEntropy(labelSmoothing: 0, classWeights: [0.5, 2, 1.25]), target: "label")
      ]), fields: [labels("words", [8], classes: 11), labels("label", classes: 3)])

  private static let fusion = GoldenNetwork(
    name: "fusion",
    configuration: ModelConfiguration(
      modalities: [
        ModalityConfiguration(
          name: "image", field: "picture", encoder: [conv(3, 3), relu, .globalAveragePool]),
        ModalityConfiguration(name: "table", field: "row", encoder: [linear(4), relu]),
      ],
      heads: [
        HeadConfiguration(
          name: "kind", layers: [linear(6), relu, linear(3)], loss: plainCrossEntropy,
          target: "label"),
        HeadConfiguration(
          name: "place", layers: [linear(2)], loss: .huber(delta: 0.8), target: "point",
          weight: 0.5),
      ]),
    fields: [
      values("picture", [6, 6, 1]), values("row", [5]), labels("label", classes: 3),
      values("point", [2]),
    ])

  private static let normGroup = GoldenNetwork(
    name: "norm-group",
    configuration: ModelConfiguration(
      modalities: [
        ModalityConfiguration(
          name: "image", field: "image",
          encoder: [
            conv(4, 3, padding: 1), norm, relu,
            .residual(
              layers: [conv(5, 3, stride: 2, padding: 1, bias: false), norm],
              shortcut: [conv(5, 1, stride: 2, bias: false), norm]), relu,
            .concat(branches: [[conv(3, 1), norm], [norm, .activation(.tanh)]]), .flatten,
          ])
      ],
      heads: [
        HeadConfiguration(
          name: "y", layers: [linear(8), norm, .activation(.gelu), linear(10)],
          loss: plainCrossEntropy, target: "label"),
        HeadConfiguration(
          name: "place", layers: [linear(6), norm, linear(2)], loss: .huber(delta: 0.8),
          target: "point",
          weight: 0.5),
      ]),
    fields: [values("image", [6, 5, 2]), labels("label", classes: 10), values("point", [2])])

  private static let losses = GoldenNetwork(
    name: "losses",
    configuration: ModelConfiguration(
      modalities: [
        ModalityConfiguration(
          name: "table", field: "row", encoder: [linear(5), .activation(.tanh)])
      ],
      heads: [
        HeadConfiguration(
          name: "smooth", layers: [linear(3)],
          loss: .crossEntropy(labelSmoothing: 0.2, classWeights: [0.5, 2, 1.25]), target: "label"),
        HeadConfiguration(
          name: "weighted", layers: [linear(3)],
          loss: .crossEntropy(labelSmoothing: 0, classWeights: [3, 0, 1]), target: "label",
          weight: 0.7),
        HeadConfiguration(
          name: "bits", layers: [linear(3)], loss: .binaryCrossEntropy, target: "bits"),
        HeadConfiguration(
          name: "number", layers: [linear(1)], loss: .meanSquaredError, target: "number",
          weight: 2),
        HeadConfiguration(
          name: "huber", layers: [linear(2)], loss: .huber(delta: 0.3), target: "point"),
      ]),
    fields: [
      values("row", [4]), labels("label", classes: 3), values("bits", [3]), values("number", []),
      values("point", [2]),
    ])
}
