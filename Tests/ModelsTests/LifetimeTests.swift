import Configuration
import Models
import Testing

/// Tensors that lie where others lay: the same bits as with memory of their own, whatever the memory held.
@Suite struct LifetimeTests {
  typealias Case = FiniteDifferenceTests.Case

  private static let cases =
    Case.layers + Case.composites + Case.losses + Case.sequences + Case.frontEnds + [joined]

  /// An embedding that writes into the join before the other encoder runs, whose memory is given to others.
  private static let joined = Case(
    name: "an embedding beside pictures",
    configuration: ModelConfiguration(
      modalities: [
        ModalityConfiguration(
          name: "a", field: "ids", encoder: [.embedding(vocabulary: 6, size: 4)]),
        ModalityConfiguration(
          name: "b", field: "x",
          encoder: [
            conv(8, 3, padding: 1), .averagePool(window(2)), conv(4, 3), .globalAveragePool,
            linear(8), .layerNorm(epsilon: 1e-5),
          ]),
      ],
      heads: [
        HeadConfiguration(name: "y", layers: [linear(3)], loss: plainCrossEntropy, target: "y")
      ]),
    fields: [labels("ids", classes: 6), values("x", [8, 8, 2]), labels("y", classes: 3)])

  private func bench(
    _ subject: Case, _ purpose: Model.Purpose, sharesMemory: Bool
  ) throws -> Bench {
    let bench = try Bench(
      subject.configuration, subject.fields, capacity: 5, purpose: purpose,
      sharesMemory: sharesMemory)
    FiniteDifference.disturb(bench.store)
    return bench
  }

  @Test(arguments: cases) func trainingHasTheSameBits(_ subject: Case) throws {
    let apart = try bench(subject, .training, sharesMemory: false)
    let shared = try bench(subject, .training, sharesMemory: true)
    let poisoner = Poisoner(shared.model)
    shared.model.poison(onlyReleased: false)
    #expect(apart.train().bitPattern == shared.train(observer: poisoner).bitPattern)
    #expect(poisoner.isDone)
    #expect(apart.gradientValues.map(\.bitPattern) == shared.gradientValues.map(\.bitPattern))
    #expect(apart.output() == shared.output())
    #expect(shared.model.arenaBytes <= apart.model.arenaBytes)
  }

  @Test(arguments: cases) func evaluationHasTheSameBits(_ subject: Case) throws {
    let training = try bench(subject, .training, sharesMemory: false)
    let alone = try bench(subject, .evaluation, sharesMemory: true)
    training.evaluate()
    alone.model.poison(onlyReleased: false)
    alone.evaluate()
    for head in training.model.heads.indices {
      #expect(training.output(head) == alone.output(head))
      #expect(training.model.losses[head] == alone.model.losses[head])
    }
    #expect(alone.model.arenaBytes <= training.model.arenaBytes)
  }

  /// What is read after a pass stays where it is.
  @Test func whatIsReadIsKept() throws {
    let layers = (0..<4).map { _ in
      LayerConfiguration.residual(
        layers: [conv(4, 3, padding: 1), norm, relu, conv(4, 1), norm], shortcut: [])
    }
    let paths = (0..<4).map { "modalities.x.\($0).layers.1" } + ["modalities.x.2"]
    func outputs(_ purpose: Model.Purpose, sharesMemory: Bool) throws -> [[Float]] {
      let bench = try Bench(
        network(layers), [values("x", [6, 6, 4]), labels("y", classes: 3)], capacity: 3,
        reading: paths, purpose: purpose, sharesMemory: sharesMemory)
      bench.model.poison(onlyReleased: false)
      bench.evaluate()
      return paths.indices.map { Array(bench.model.output(ofReadLayer: $0, samples: 3)) }
    }
    let kept = try outputs(.training, sharesMemory: false)
    #expect(try outputs(.evaluation, sharesMemory: true) == kept)
    #expect(kept.allSatisfy { $0.allSatisfy(\.isFinite) })
  }

  /// However deep the network, evaluation needs the two largest neighbours.
  @Test func evaluationOfADeepNetworkTakesTwoTensors() throws {
    func bytes(_ depth: Int, _ purpose: Model.Purpose) throws -> Int {
      let layers = (0..<depth).flatMap { _ in [conv(8, 3, padding: 1), norm, relu] }
      return try Bench(
        network(layers), [values("x", [8, 8, 8]), labels("y", classes: 3)], capacity: 4,
        purpose: purpose
      ).model.arenaBytes
    }
    #expect(try bytes(3, .evaluation) == bytes(9, .evaluation))
    let tensor = 4 * 8 * 8 * 8 * MemoryLayout<Float>.stride
    #expect(try bytes(9, .training) - bytes(3, .training) >= 6 * 2 * tensor)
  }

  /// What the way back does not read is given to later layers in training too.
  @Test func trainingReusesWhatItsWayBackDoesNotRead() throws {
    let layers: [LayerConfiguration] = [
      conv(8, 3, padding: 1), .averagePool(window(2)), conv(16, 3, padding: 1),
      .averagePool(window(2)), conv(8, 1), .globalAveragePool,
    ]
    func bytes(sharesMemory: Bool) throws -> Int {
      try Bench(
        network(layers), [values("x", [8, 8, 2]), labels("y", classes: 3)], capacity: 4,
        sharesMemory: sharesMemory
      ).model.arenaBytes
    }
    #expect(try bytes(sharesMemory: true) < bytes(sharesMemory: false))
  }
}
