import Configuration
import Tensors

extension FiniteDifferenceTests.Case {
  /// A case over one field of `shape`, with labels of 3 classes.
  private static func over(
    _ shape: [Int], _ name: String, _ encoder: [LayerConfiguration]
  ) -> Self {
    Self(
      name: name, configuration: network(encoder),
      fields: [values("x", shape), labels("y", classes: 3)])
  }

  /// Every layer, with parameters before it so that its input gradient counts.
  static let layers: [Self] = [
    over([7], "linear", [linear(6), .linear(out: 4, bias: false)]),
    over([3, 4], "linear over a sequence", [linear(5), linear(4)]),
    over([], "linear over a number", [linear(4)]),
    over([6], "dot", [linear(8), .dot(biases: false, offset: 0), linear(4)]),
    over([6], "dot with biases", [linear(8), .dot(biases: true, offset: 0.5), linear(4)]),
    over([6], "dot first", [.dot(biases: true, offset: 0.5), linear(4)]),
    over([6, 5, 2], "conv", [conv(4, 3), conv(5, 3, padding: 1)]),
    over([6, 5], "conv over [H, W]", [conv(4, 3), conv(3, 2, bias: false)]),
    over([9, 8, 3], "strided conv", [conv(4, 3, stride: 2, padding: 1), conv(5, 3, stride: 2)]),
    over(
      [8, 8, 4], "grouped dilated conv",
      [conv(6, 3, padding: 2, dilation: 2, groups: 2), conv(6, 3, groups: 6)]),
    over(
      [6, 7, 2], "uneven conv",
      [
        conv(3, 1),
        .conv(ConvolutionConfiguration(out: 4, kernel: [3, 2], stride: [1, 2], padding: [1, 0])),
      ]),
    over([12, 3], "conv1d", [conv1d(4, 3, padding: 1), conv1d(5, 3, stride: 2, dilation: 2)]),
    over([12], "conv1d over [T]", [conv1d(4, 5, stride: 2, padding: 2)]),
    over([5], "batch norm", [linear(6), norm, .activation(.tanh), linear(5)]),
    over([4, 4, 2], "batch norm and relu", [conv(3, 3, padding: 1), norm, relu, conv(3, 2)]),
    over([6], "batch norm first", [norm, linear(4)]),
    over([6], "layer norm", [linear(7), .layerNorm(epsilon: 1e-5), linear(4)]),
    over([3, 6], "layer norm first", [.layerNorm(epsilon: 1e-5), linear(4)]),
    over([6], "relu", [linear(9), relu, linear(5)]),
    over([6], "leaky relu", [linear(9), .activation(.leakyRelu(slope: 0.1)), linear(5)]),
    over([6], "backward leaky relu", [linear(9), .activation(.leakyRelu(slope: -0.5)), linear(5)]),
    over([6], "gelu", [linear(9), .activation(.gelu), linear(5)]),
    over([6], "tanh", [linear(9), .activation(.tanh), linear(5)]),
    over([6], "sigmoid", [linear(9), .activation(.sigmoid), linear(5)]),
    over([6], "tanh of sigmoid", [linear(9), .activation(.sigmoid), .activation(.tanh)]),
    over([6], "dropout", [linear(20), .dropout(rate: 0.4), linear(5)]),
    over([6], "dropout of relu", [linear(20), .dropout(rate: 0.4), relu, .dropout(rate: 0.2)]),
    over([7, 6, 2], "max pool", [conv(3, 2), .maxPool(window(2))]),
    over(
      [7, 6, 2], "max pool of relu", [conv(3, 2), relu, .maxPool(window(2)), conv(4, 2), relu]),
    over(
      [7, 6, 2], "pool of norm", [conv(3, 2), norm, relu, .averagePool(window(2)), conv(4, 2)]),
    over([7, 6, 2], "padded max pool", [conv(3, 2), .maxPool(window(3, stride: 2, padding: 1))]),
    over([7, 6, 2], "average pool", [conv(3, 2), .averagePool(window(2, stride: 1))]),
    over(
      [7, 6, 2], "padded average pool",
      [conv(3, 2), .averagePool(window(3, stride: 2, padding: 1))]),
    over(
      [12, 2], "pools over a sequence",
      [conv1d(3, 2), .maxPool(window(2)), .averagePool(window(2))]),
    over([5, 4, 2], "global average pool", [conv(4, 2), .globalAveragePool]),
    Self(
      name: "embedding", configuration: network([.embedding(vocabulary: 6, size: 4), linear(3)]),
      fields: [labels("x", [5], classes: 6), labels("y", classes: 3)]),
    Self(
      name: "embedding of one id", configuration: network([.embedding(vocabulary: 6, size: 4)]),
      fields: [labels("x", classes: 6), labels("y", classes: 3)]),
  ]

  /// Layers in layers, several inputs, several heads.
  static let composites: [Self] = [
    over(
      [6, 6, 3], "identity residual",
      [conv(4, 3, padding: 1), .residual(layers: [conv(4, 3, padding: 1), norm], shortcut: [])]),
    over(
      [5, 5, 3], "residuals between relus",
      [
        conv(4, 3, padding: 1), norm, relu,
        .residual(layers: [conv(4, 3, padding: 1), norm], shortcut: []), relu,
        .residual(layers: [conv(5, 3), norm], shortcut: [conv(5, 3), norm]), relu,
        .residual(layers: [conv(5, 1)], shortcut: []), relu,
      ]),
    over(
      [6, 6, 3], "residual with a shortcut",
      [
        conv(4, 3, padding: 1),
        .residual(
          layers: [conv(5, 3, stride: 2, padding: 1), norm, relu, conv(5, 3, padding: 1)],
          shortcut: [conv(5, 1, stride: 2), norm]), relu,
      ]),
    over(
      [6], "residual of an activation in place",
      [
        linear(6), .residual(layers: [.activation(.tanh)], shortcut: [.activation(.sigmoid)]),
        .residual(layers: [.flatten], shortcut: [.activation(.gelu)]),
        .residual(layers: [.flatten], shortcut: []),
      ]),
    over(
      [6], "residual in a residual",
      [
        linear(6),
        .residual(
          layers: [
            linear(6), .residual(layers: [linear(6), .activation(.tanh)], shortcut: []),
            .activation(.tanh),
          ], shortcut: [.layerNorm(epsilon: 1e-5)]),
      ]),
    over([6], "residual first", [.residual(layers: [linear(6)], shortcut: [])]),
    over(
      [6], "residual with parameters in its shortcut",
      [.residual(layers: [relu], shortcut: [linear(6)])]),
    over(
      [5, 5, 2], "concat",
      [
        conv(3, 3, padding: 1),
        .concat(branches: [
          [conv(2, 3, padding: 1), relu], [], [.maxPool(window(3, stride: 1, padding: 1))],
          [.dropout(rate: 0.3)],
        ]), conv(3, 2),
      ]),
    over(
      [5], "concat of branches with parameters",
      [linear(4), .concat(branches: [[linear(3), norm], [linear(2)], [linear(3)]])]),
    over([5], "concat first", [.concat(branches: [[], [linear(3)], [relu]])]),
    over(
      [5], "concat in a concat",
      [
        linear(4),
        .concat(branches: [[], [.concat(branches: [[], [linear(2)]]), .activation(.tanh)]]),
      ]),
    Self(
      name: "fusion of three inputs with two heads", configuration: fusion,
      fields: [
        values("picture", [6, 6, 1]), labels("words", [4], classes: 7), values("table", [3]),
        labels("y", classes: 3), values("z", [2]),
      ]),
    Self(
      name: "heads without layers", configuration: bare,
      fields: [values("x", [4]), labels("y", classes: 3), values("z", [3])]),
  ]

  private static let fusion = ModelConfiguration(
    modalities: [
      ModalityConfiguration(name: "image", field: "picture", encoder: [conv(3, 3), relu]),
      ModalityConfiguration(
        name: "text", field: "words",
        encoder: [.embedding(vocabulary: 7, size: 3), .globalAveragePool]),
      ModalityConfiguration(name: "raw", field: "table", encoder: []),
    ],
    heads: [
      HeadConfiguration(
        name: "a", layers: [.activation(.tanh), linear(3)], loss: plainCrossEntropy, target: "y"),
      HeadConfiguration(
        name: "b", layers: [.activation(.sigmoid), linear(2)], loss: .meanSquaredError,
        target: "z", weight: 0.3),
    ])

  private static let bare = ModelConfiguration(
    modalities: [ModalityConfiguration(name: "x", field: "x", encoder: [linear(3)])],
    heads: [
      HeadConfiguration(name: "a", layers: [], loss: plainCrossEntropy, target: "y"),
      HeadConfiguration(name: "b", layers: [], loss: .huber(delta: 0.7), target: "z", weight: 2),
    ])

  /// Every loss with every kind of target it takes.
  static let losses: [Self] = [
    loss(
      "label smoothing", .crossEntropy(labelSmoothing: 0.1, classWeights: nil), 3,
      labels("y", classes: 3)),
    loss(
      "class weights", .crossEntropy(labelSmoothing: 0, classWeights: [0.5, 2, 1]), 3,
      labels("y", classes: 3)),
    loss(
      "smoothing and weights", .crossEntropy(labelSmoothing: 0.2, classWeights: [0.5, 2, 1]), 3,
      labels("y", [1], classes: nil)),
    loss("binary", .binaryCrossEntropy, 1, labels("y", classes: 2)),
    loss("binary of values", .binaryCrossEntropy, 4, values("y", [4])),
    loss("squared error", .meanSquaredError, 4, values("y", [4])),
    loss("squared error of one number", .meanSquaredError, 1, values("y", [])),
    loss("squared error of integers", .meanSquaredError, 1, labels("y", classes: 9)),
    loss("huber", .huber(delta: 0.5), 4, values("y", [2, 2])),
  ]

  private static func loss(
    _ name: String, _ loss: LossConfiguration, _ outputs: Int, _ target: MicrobatchField
  ) -> Self {
    Self(
      name: name, configuration: network([linear(5)], outputs: outputs, loss: loss),
      fields: [values("x", [4]), target])
  }
}
