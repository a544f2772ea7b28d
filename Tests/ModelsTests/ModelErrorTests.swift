import Configuration
import Models
import Tensors
import Testing

/// Every configuration that cannot be compiled says why, in one sentence with the layer's path.
@Suite struct ModelErrorTests {
  private let image = [values("x", [6, 6, 4]), labels("y", classes: 3)]
  private let row = [values("x", [6]), labels("y", classes: 3)]
  private let ids = [labels("x", [4], classes: 9), labels("y", classes: 3)]

  private func message(
    _ configuration: ModelConfiguration, _ fields: [MicrobatchField], capacity: Int = 2
  ) -> String {
    do {
      _ = try Model(configuration, fields: fields, capacity: capacity, seed: 0)
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  private func message(_ encoder: [LayerConfiguration], _ fields: [MicrobatchField]) -> String {
    message(network(encoder), fields)
  }

  @Test func shapes() {
    #expect(
      message([conv(2, 7)], image) == "modalities.x.0: conv expected an input at least as large as "
        + "its kernel, found kernel 7 (with dilation) over 6 cells (with padding) of an input "
        + "[6, 6, 4]; use a smaller kernel, more padding or fewer poolings")
    #expect(
      message([.flatten, conv(2, 3)], image) == "modalities.x.1: conv expected an image [H, W, C], "
        + "found [144]; use conv1d or linear, or move it before flatten")
    #expect(message([conv1d(2, 3)], image).hasPrefix("modalities.x.0: conv1d expected a sequence"))
    #expect(message([.maxPool(window(9))], image).contains("a window of 9 over 6 cells"))
    #expect(message([.averagePool(window(2))], row).contains("found [6]; move it before flatten"))
    #expect(
      message([.residual(layers: [linear(5)], shortcut: [])], row) == "modalities.x.0: residual "
        + "expected layers and shortcut of one shape, found [5] and [6]; give a shortcut, for "
        + "example a 1x1 conv with the same stride and outputs")
    #expect(
      message([.concat(branches: [[conv(2, 3)], [conv(2, 1)]])], image).hasPrefix(
        "modalities.x.0.branches.1: concat expected branches that agree"))
    #expect(
      message(network([linear(2)]), [values("x", [0]), labels("y", classes: 3)])
        .contains("without empty axes"))
  }

  @Test func settings() {
    #expect(
      message([conv(6, 3, groups: 3)], image)
        == "modalities.x.0: conv expected groups that divide its 4 input channels, found 3")
    #expect(
      message([conv(5, 3, groups: 2)], image)
        == "modalities.x.0: conv expected groups that divide its 5 outputs, found 2")
    #expect(
      message([.batchNorm(momentum: 0.1, epsilon: 1e-5, sync: 3)], row)
        == "modalities.x.0: expected batchNorm sync to be a power of two (1 is off), found 3")
    #expect(
      message(
        [
          norm, .batchNorm(momentum: 0.1, epsilon: 1e-5, sync: 4),
          .batchNorm(momentum: 0.1, epsilon: 1e-5, sync: 2),
        ], row)
        == "modalities.x.2: expected batchNorm sync 4 as in modalities.x.1, found 2; all "
        + "synchronised layers of a model share one group")
    #expect(message([conv(0, 3)], image).contains("expected conv out of at least 1, found 0"))
    #expect(message([conv(1, 3, stride: 0)], image).contains("conv stride of at least 1, found 0"))
    #expect(message([conv(1, 3, padding: -1)], image).contains("padding of at least 0, found -1"))
    #expect(message([conv(1, .max)], image).contains("conv kernel of at most 2^24"))
    #expect(
      message([.conv(ConvolutionConfiguration(out: 1, kernel: [3]))], image)
        .contains("expected two numbers for conv kernel, found 1"))
    #expect(message([.maxPool(window(2, padding: 2))], image).contains("at most half its size"))
    #expect(message([linear(-3)], row).contains("expected linear out of at least 1, found -3"))
    #expect(
      message([.dropout(rate: 1)], row)
        == "modalities.x.0: expected dropout rate in 0 ..< 1, found 1.0")
    #expect(message([.dropout(rate: .nan)], row).contains("found nan"))
    #expect(message([.batchNorm(momentum: 2, epsilon: 1e-5)], row).contains("momentum in 0 ... 1"))
    #expect(message([.layerNorm(epsilon: 0)], row).contains("layerNorm epsilon above 0"))
    #expect(message([.residual(layers: [], shortcut: [])], row).contains("at least one layer"))
    #expect(message([.concat(branches: [])], row).contains("at least one branch"))
    #expect(message([linear(1 << 40)], row).contains("expected at most 2^31 - 1 scalars"))
    #expect(message(network([linear(1)]), row, capacity: 0).hasPrefix("batch.micro: expected"))
  }

  @Test func kindsOfNumbers() {
    #expect(
      message([linear(2)], ids) == "modalities.x.0: linear expected values, found an integer "
        + "field; put an embedding first, or declare the field as values")
    #expect(
      message([.embedding(vocabulary: 3, size: 2)], row) == "modalities.x.0: embedding expected "
        + "integer ids, found values; use a field of kind ids, or leave the embedding out")
    #expect(
      message([.embedding(vocabulary: 8, size: 2)], ids) == "modalities.x.0: expected a vocabulary "
        + "of at least 9, the ids of the field, found 8")
    #expect(message([], ids).contains("put an embedding first"))
    #expect(message([.concat(branches: [[]])], ids).contains("put an embedding in the branch"))
    #expect(
      message([.residual(layers: [.embedding(vocabulary: 9, size: 2)], shortcut: [])], ids)
        .contains("put an embedding in both"))
  }

  @Test func heads() {
    func head(
      _ loss: LossConfiguration, _ outputs: Int, _ target: MicrobatchField, weight: Double = 1
    ) -> String {
      var configuration = network([linear(2)], outputs: outputs, loss: loss)
      configuration.heads[0].weight = weight
      return message(configuration, [values("x", [6]), target])
    }
    #expect(
      head(plainCrossEntropy, 4, labels("y", classes: 3)) == "heads.y: expected 3 outputs, one for "
        + "each class of 'y', found 4; change the last layer")
    #expect(head(plainCrossEntropy, 1, labels("y", classes: 1)).contains("at least 2 outputs"))
    #expect(head(plainCrossEntropy, 3, values("y", [])).contains("found values of shape []"))
    #expect(
      head(plainCrossEntropy, 3, labels("y", [2], classes: 3)).contains("integers of shape [2]"))
    #expect(head(.meanSquaredError, 2, values("y", [3])).contains("has numbers (3), found 2"))
    #expect(head(.huber(delta: 0), 1, values("y", [])).contains("huber delta above 0"))
    #expect(
      head(.crossEntropy(labelSmoothing: 1, classWeights: nil), 3, labels("y", classes: 3))
        .contains("labelSmoothing in 0 ..< 1"))
    for weights: [Double] in [[1, 2], [0, 0, 0], [1, -1, 1]] {
      #expect(
        head(
          .crossEntropy(labelSmoothing: 0, classWeights: weights), 3, labels("y", classes: 3)
        ).contains("classWeights"))
    }
    #expect(
      head(plainCrossEntropy, 3, labels("z", classes: 3)) == "heads.y: expected a field 'y', "
        + "found x, z; correct the name or prepare the data with it")
    #expect(
      head(.meanSquaredError, 1, values("y", []), weight: -1).contains("weight of at least 0"))
  }

  @Test func productsNeedTwoVectorsAndNothingElse() {
    func message(_ widths: [Int], _ missing: MissingConfiguration) -> String {
      let fields = [values("x", [6]), values("z", [6]), values("y", [])]
      let configuration = ModelConfiguration(
        modalities: zip(["x", "z"], widths).map {
          ModalityConfiguration(name: $0, field: $0, encoder: [linear($1)])
        }, missing: missing,
        heads: [
          HeadConfiguration(
            name: "y", layers: [.dot(biases: false, offset: 0)], loss: .meanSquaredError,
            target: "y")
        ])
      return self.message(configuration, fields)
    }
    #expect(message([3, 3], MissingConfiguration()) == "no error")
    #expect(message([3, 5], MissingConfiguration()).contains("of one length, found 3 and 5"))
    #expect(
      message([3, 3], MissingConfiguration(substitute: .learned))
        .contains("dot expected substitute zero, found learned"))
  }

  @Test func stepsHaveLabelsOfTheirOwn() {
    var configuration = network([linear(3)])
    configuration.heads[0].layers = []
    let target = labels("y", classes: 12)
    #expect(
      message(configuration, [values("x", [4, 2]), target]).contains(
        "one integer label per step in 'y'"))
  }

  @Test func structure() {
    var configuration = network([linear(2)])
    configuration.modalities[0].field = "picture"
    #expect(message(configuration, row).hasPrefix("modalities.x: expected a field 'picture'"))
    configuration = network([linear(2)])
    configuration.heads.append(configuration.heads[0])
    #expect(message(configuration, row) == "heads: expected different names, found y, y")
    configuration.heads = []
    #expect(message(configuration, row) == "heads: expected at least one, found none")
    configuration.modalities = []
    #expect(message(configuration, row) == "modalities: expected at least one, found none")
  }
}
