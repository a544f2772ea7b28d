import Buffers
import Configuration
import Models
import Parameters
import Tensors
import Testing

/// Layers that learn from those of another network.
@Suite struct HintTests {
  /// The memory of targets, kept by what reads it.
  private final class Memory {
    let buffer: HostBuffer<Float>
    init(count: Int) { buffer = HostBuffer(count: count) }
  }

  /// Numbers for every sample number that ``Bench`` draws for three samples.
  private static func targets(width: Int) -> (HintTargets, [Float]) {
    let memory = Memory(count: width * 12)
    let random = CounterRandom(seed: 8, purpose: .synthesis)
    for index in 0..<memory.buffer.count { memory.buffer[index] = random.normal(at: index) }
    let targets = HintTargets(values: UnsafePointer(memory.buffer.base), keeping: memory)
    return (targets, (0..<memory.buffer.count).map { memory.buffer[$0] })
  }

  private static let fields = [values("x", [6, 6, 2]), labels("label", classes: 3)]

  /// A network with a picture's places, a shortcut, a view and a head.
  private static let configuration = ModelConfiguration(
    modalities: [
      ModalityConfiguration(
        name: "x", field: "x",
        encoder: [
          conv(4, 3, padding: 1), .activation(.tanh),
          .residual(layers: [conv(4, 3, padding: 1), .activation(.tanh)], shortcut: []),
          .maxPool(window(2)), .flatten, linear(5), .activation(.tanh),
        ])
    ],
    heads: [
      HeadConfiguration(name: "y", layers: [linear(3)], loss: plainCrossEntropy, target: "label")
    ])

  private static func bench(_ hints: [HintRequest], reading: [String] = []) throws -> Bench {
    let bench = try Bench(
      configuration, fields, capacity: 3, reading: reading, hints: hints)
    bench.model.learn(
      hints: bench.model.hints.map { targets(width: $0.rowsPerSample * $0.request.channels).0 })
    bench.normalizers += [3] + bench.model.hints.map { Double(3 * $0.rowsPerSample) }
    return bench
  }

  /// What the gradients are the gradient of.
  private static func objective(_ bench: Bench) -> Double {
    bench.train()
    return bench.normalizers.indices.reduce(0.0) {
      $0 + bench.model.lossWeight(at: $1) / bench.normalizers[$1] * bench.model.losses[$1]
    }
  }

  private static let places = [
    "modalities.x.0", "modalities.x.1", "modalities.x.2.layers.0", "modalities.x.2",
    "modalities.x.4", "modalities.x.6", "heads.y.0",
  ]

  @Test(arguments: places)
  func theGradientIsThatOfBothTerms(layer: String) throws {
    let bench = try Self.bench([HintRequest(layer: layer, channels: 7, weight: 0.3)])
    FiniteDifference.disturb(bench.store)
    bench.train()
    #expect(bench.model.losses[2] > 0)
    FiniteDifference.check(
      bench.model.layout, bench.store.base, analytic: bench.gradientValues.map(Double.init)
    ) { Self.objective(bench) }
  }

  @Test func hintsOfOneLayerAndOfOthersAddUp() throws {
    let bench = try Self.bench([
      HintRequest(layer: "modalities.x.1", channels: 2, weight: 2),
      HintRequest(layer: "modalities.x.5", channels: 9, weight: 0.5),
    ])
    FiniteDifference.check(
      bench.model.layout, bench.store.base,
      analytic: {
        bench.train()
        return bench.gradientValues.map(Double.init)
      }()
    ) { Self.objective(bench) }
  }

  @Test func theLossIsHalfTheMeanSquaredDistance() throws {
    let layer = "modalities.x.1"
    let bench = try Self.bench(
      [HintRequest(layer: layer, channels: 7, weight: 0.3)], reading: [layer])
    bench.train()
    let slot = try #require(bench.model.layout["hints.\(layer).weight"])
    let v = bench.model.output(ofReadLayer: 0, samples: 3).map(Double.init)
    let u = Self.targets(width: 36 * 7).1
    var expected = 0.0
    for row in 0..<3 * 36 {
      let first = (Int(bench.microbatch.sampleNumbers[row / 36]) * 36 + row % 36) * 7
      for output in 0..<7 {
        let r = (0..<4).reduce(0.0) {
          $0 + Double(bench.store.base[slot.offset + output * 4 + $1]) * v[row * 4 + $1]
        }
        expected += (r - Double(u[first + output])) * (r - Double(u[first + output])) / 2
      }
    }
    #expect(abs(bench.model.losses[2] - expected) < 1e-5 * expected)
    #expect(bench.model.lossWeight(at: 2) == 0.3)
  }

  @Test func theNetworkIsTheSameWithoutThem() throws {
    let alone = try Bench(Self.configuration, Self.fields, capacity: 3)
    let hinted = try Self.bench([HintRequest(layer: "modalities.x.1", channels: 7, weight: 1)])
    let slots = alone.model.layout.slots
    #expect(hinted.model.layout.slots.dropLast().elementsEqual(slots))
    #expect(hinted.model.layout.slots.last?.isAuxiliary == true)
    let count = alone.model.layout.count
    #expect((0..<count).allSatisfy { alone.store.base[$0] == hinted.store.base[$0] })
    alone.evaluate()
    hinted.evaluate()
    #expect(alone.output() == hinted.output())
    alone.train()
    hinted.train()
    #expect(alone.model.losses[0] == hinted.model.losses[0])
    // Behind the layer nothing is different; before it everything.
    let first = try #require(alone.model.layout["modalities.x.2.layers.0.weight"]).offset
    let (own, with) = (alone.gradientValues, hinted.gradientValues)
    #expect(own[first...].elementsEqual(with[first..<count]))
    #expect(own[..<first] != with[..<first])
  }

  @Test func finishedGradientsAreOneRunFromTheEnd() throws {
    let bench = try Self.bench([
      HintRequest(layer: "modalities.x.1", channels: 2, weight: 2),
      HintRequest(layer: "heads.y.0", channels: 9, weight: 0.5),
    ])
    let observer = Recorder()
    bench.train(observer: observer)
    #expect(observer.offsets == observer.offsets.sorted(by: >) && observer.offsets.last == 0)
    #expect(observer.offsets.first == bench.model.layout.slots.last?.offset)
  }

  private final class Recorder: PassObserver {
    var offsets: [Int] = []
    func forward(layer index: Int) {}
    func backward(layer index: Int) {}
    func gradientsFinal(from offset: Int) { offsets.append(offset) }
  }

  @Test(arguments: [
    ("modalities.x.9", "there is no layer of this path"),
    ("modalities.z.0", "there is no layer of this path"),
  ])
  func whatCannotBeHintedIsTold(layer: String, words: String) {
    #expect {
      _ = try Self.bench([HintRequest(layer: layer, channels: 7, weight: 0.3)])
    } throws: { "\($0)".contains(words) && "\($0)".contains(layer) }
  }

  @Test func layersWithoutAFixedSizeOrParametersAreTold() {
    let before = ModelConfiguration(
      modalities: [
        ModalityConfiguration(
          name: "x", field: "x", encoder: [.activation(.tanh), .flatten, linear(4)])
      ],
      heads: Self.configuration.heads)
    let steps = ModelConfiguration(
      modalities: [
        ModalityConfiguration(name: "x", field: "s", encoder: [linear(4), .pool(.mean)])
      ],
      heads: Self.configuration.heads)
    let sequence = MicrobatchField(
      name: "s", sampleShape: [3], element: .float, classes: nil, longest: 4)
    for (configuration, words) in [
      (before, "nothing before this layer can learn"), (steps, "as many places for every sample"),
    ] {
      #expect {
        _ = try Bench(
          configuration, Self.fields + [sequence], capacity: 3,
          hints: [HintRequest(layer: "modalities.x.0", channels: 2, weight: 1)])
      } throws: { "\($0)".contains(words) }
    }
  }
}
