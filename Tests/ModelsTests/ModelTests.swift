import Configuration
import Models
import Parameters
import Tensors
import Testing

@Suite struct ModelTests {
  /// `mnist-cnn.yaml`, with C, H and W of the image free.
  static func classifier(dropout: Double = 0.5) -> ModelConfiguration {
    ModelConfiguration(
      modalities: [
        ModalityConfiguration(
          name: "image", field: "image",
          encoder: [
            conv(16, 3, padding: 1), norm, relu, .maxPool(window(2)), conv(32, 3, padding: 1),
            norm, relu, .maxPool(window(2)), .flatten,
          ])
      ],
      heads: [
        HeadConfiguration(
          name: "digit", layers: [linear(512), .dropout(rate: dropout), relu, linear(10)],
          loss: plainCrossEntropy, target: "label")
      ])
  }

  static let small = [values("image", [8, 8, 1]), labels("label", classes: 10)]

  @Test func countsTheParametersOfTheDigitNetwork() throws {
    let fields = [values("image", [28, 28, 1]), labels("label", classes: 10)]
    let model = try Model(Self.classifier(), fields: fields, capacity: 2, seed: 1)
    #expect(model.layout.trainableCount == 813_354)
    let own = model.layers.map(\.parameterCount)
    #expect(own.reduce(0, +) == model.layout.count)
    #expect(own.prefix(2) == [160, 64])  // the norm counts its running values too
    #expect(model.layers.map(\.kind).prefix(4) == ["conv", "batchNorm", "relu", "maxPool"])
    #expect(model.layers[4].outputShape == [14, 14, 32])
    #expect(model.layers[4].multiplyAddsPerSample == 14 * 14 * 9 * 16 * 32)
    #expect(model.layers[9].multiplyAddsPerSample == 1568 * 512)
    #expect(model.layers.last?.path == "heads.digit.3")
    #expect(model.layers.reduce(0) { $0 + $1.arenaBytes } < model.arenaBytes)
    #expect(model.heads[0].outputs == 10 && model.heads[0].classes == 10)
  }

  @Test func namesSlotsByTheirPath() throws {
    let encoder: [LayerConfiguration] = [
      conv(4, 3, padding: 1),
      .residual(layers: [conv(4, 3, padding: 1), norm], shortcut: [conv(4, 1)]),
      .concat(branches: [[], [conv(2, 1, bias: false)]]),
    ]
    let model = try Model(
      network(encoder), fields: [values("x", [4, 4, 2]), labels("y", classes: 3)], capacity: 1,
      seed: 1)
    #expect(
      model.layout.slots.map(\.name) == [
        "modalities.x.0.weight", "modalities.x.0.bias", "modalities.x.1.layers.0.weight",
        "modalities.x.1.layers.0.bias", "modalities.x.1.layers.1.weight",
        "modalities.x.1.layers.1.bias", "modalities.x.1.layers.1.runningMean",
        "modalities.x.1.layers.1.runningVariance", "modalities.x.1.shortcut.0.weight",
        "modalities.x.1.shortcut.0.bias", "modalities.x.2.branches.1.0.weight",
        "heads.y.1.weight", "heads.y.1.bias",
      ])
    let statistic = try #require(model.layout["modalities.x.1.layers.1.runningMean"])
    #expect(statistic.role == .statistic(momentum: 0.1, rowsPerSample: 16))
  }

  @Test func knowsPyTorchsLayouts() throws {
    func foreign(_ encoder: [LayerConfiguration], _ shape: [Int], _ name: String) throws
      -> ForeignLayout?
    {
      try Model(
        network(encoder), fields: [values("x", shape), labels("y", classes: 3)], capacity: 1,
        seed: 1
      ).layout[name]?.foreign
    }
    let image = ForeignLayout.flattenedImage(height: 4, width: 5, channels: 2)
    #expect(
      try foreign([conv(2, 1)], [4, 5, 3], "modalities.x.0.weight") == .convolution(flat: false))
    #expect(
      try foreign([conv1d(2, 1)], [4, 3], "modalities.x.0.weight") == .convolution(flat: true))
    #expect(
      try foreign([.flatten, relu, .dropout(rate: 0.1)], [4, 5, 2], "heads.y.1.weight") == image)
    #expect(
      try foreign([conv1d(2, 1)], [4, 3], "heads.y.1.weight")
        == .flattenedImage(height: 1, width: 4, channels: 2))
    #expect(try foreign([linear(2)], [4, 3], "heads.y.1.weight") == .same)
    #expect(try foreign([conv(2, 1), .globalAveragePool], [4, 5, 3], "heads.y.1.weight") == .same)
  }

  @Test func startsAsPyTorchDoes() throws {
    let bench = try Bench(Self.classifier(), Self.small, capacity: 2)
    let weight = try #require(bench.model.layout["modalities.image.4.weight"])
    let bound = Float(1 / 12.0)  // 1 / √(3 · 3 · 16)
    let drawn = Array(bench.store[weight])
    #expect(drawn.allSatisfy { abs($0) <= bound } && drawn.contains { abs($0) > 0.98 * bound })
    #expect(abs(drawn.reduce(0, +) / Float(drawn.count)) < 0.05 * bound)
    for (name, value) in [
      ("weight", Float(1)), ("bias", 0), ("runningMean", 0), ("runningVariance", 1),
    ] {
      let slot = try #require(bench.model.layout["modalities.image.1.\(name)"])
      #expect(bench.store[slot].allSatisfy { $0 == value })
    }
    let again = try Bench(Self.classifier(dropout: 0.1), Self.small, capacity: 7)
    let isSame = again.store.all.elementsEqual(bench.store.all)
    #expect(isSame)
    let other = try Bench(Self.classifier(), Self.small, capacity: 2, seed: 12)
    let isOther = !other.store.all.elementsEqual(bench.store.all)
    #expect(isOther)
  }

  @Test func startsAtTheLogarithmOfTheClasses() throws {
    let bench = try Bench(Self.classifier(), Self.small, capacity: 6)
    for name in ["heads.digit.3.weight", "heads.digit.3.bias"] {
      bench.store[try #require(bench.model.layout[name])].update(repeating: 0)
    }
    #expect(abs(bench.train() - 2.302585093) < 1e-6)
    bench.evaluate()
    #expect(abs(bench.objective - 2.302585093) < 1e-6)
  }

  @Test func decaysWeightsOfLayersThatMultiply() throws {
    let model = try Model(Self.classifier(), fields: Self.small, capacity: 1, seed: 1)
    #expect(
      model.layout.slots.filter(\.decaysByDefault).map(\.name) == [
        "modalities.image.0.weight", "modalities.image.4.weight", "heads.digit.0.weight",
        "heads.digit.3.weight",
      ])
  }
}
