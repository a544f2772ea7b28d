import Configuration
import Models
import Parameters
import Tensors
import Testing

/// Layers that are computed again on the way back: the same bits in less memory.
@Suite struct RecomputeTests {
  typealias Case = FiniteDifferenceTests.Case
  typealias Recomputation = TrainConfiguration.Recomputation

  private static let cases: [Case] = [
    Case.layers, Case.composites, Case.losses, Case.sequences, RecurrentTests.cases,
    FusionTests.differenceCases,
  ].flatMap { (cases: [Case]) in
    cases.filter { $0.configuration.heads.contains { !$0.layers.isEmpty } }
  }

  /// A block as in ResNet, with dropout inside and a relu behind it.
  static let block: [LayerConfiguration] = [
    .residual(
      layers: [
        conv(4, 3, padding: 1, bias: false), norm, relu, .dropout(rate: 0.2),
        conv(4, 3, padding: 1, bias: false), norm,
      ], shortcut: []), relu,
  ]
  static let fields = [values("x", [6, 6, 4]), labels("y", classes: 3)]

  /// So many of them between a convolution and a pool.
  static func deep(_ blocks: Int) -> ModelConfiguration {
    network(
      [conv(4, 3, padding: 1), norm, relu] + (0..<blocks).flatMap { _ in block }
        + [.globalAveragePool])
  }

  /// Compares a pass that keeps everything with one that computes again.
  private func compare(
    _ configuration: ModelConfiguration, _ fields: [MicrobatchField], _ recompute: Recomputation
  ) throws {
    let whole = try Bench(configuration, fields, capacity: 5, sharesMemory: false)
    let again = try Bench(configuration, fields, capacity: 5, recompute: recompute)
    FiniteDifference.disturb(whole.store)
    FiniteDifference.disturb(again.store)
    let poisoner = Poisoner(again.model)
    again.model.poison(onlyReleased: false)
    #expect(whole.train().bitPattern == again.train(observer: poisoner).bitPattern)
    #expect(poisoner.isDone)
    let (kept, found) = (whole.gradientValues, again.gradientValues)
    #expect(kept.map(\.bitPattern) == found.map(\.bitPattern), "\(recompute)")
    for head in whole.model.heads.indices {
      #expect(whole.output(head).map(\.bitPattern) == again.output(head).map(\.bitPattern))
    }
    #expect(again.model.firstNonFinite(again.microbatch) == nil)
  }

  @Test(arguments: cases, [1, 2, 3])
  func layersHaveTheSameBits(_ subject: Case, count: Int) throws {
    try compare(subject.configuration, subject.fields, .layers(count))
  }

  @Test(arguments: [1, 2, 3]) func blocksHaveTheSameBits(count: Int) throws {
    try compare(Self.deep(7), Self.fields, .blocks(count))
    let transformer = LayerConfiguration.transformer(
      TransformerConfiguration(layers: 7, heads: 2, causal: true, dropout: 0.2))
    try compare(
      network([.embedding(vocabulary: 6, size: 8), transformer, .layerNorm(epsilon: 1e-5)]),
      [labels("x", [5], classes: 6), labels("y", classes: 3)], .blocks(count))
    let branches = LayerConfiguration.concat(branches: [
      [conv(2, 1), norm, relu], [], [conv(3, 3, padding: 1), .dropout(rate: 0.5)],
    ])
    try compare(
      network((0..<7).map { _ in branches } + [.globalAveragePool]), Self.fields, .blocks(count))
  }

  /// A layer whose output is written over must not be run again without what follows: the sum here lies where it wrote.
  @Test func whatWasWrittenOverIsWrittenOverAgain() throws {
    let block = LayerConfiguration.residual(
      layers: [linear(6), .layerNorm(epsilon: 1e-5), .dropout(rate: 0.4)], shortcut: [])
    let layers = (0..<4).flatMap { _ in [linear(6), block, relu] }
    try compare(network(layers), [values("x", [6]), labels("y", classes: 3)], .blocks(1))
    try compare(network(layers), [values("x", [6]), labels("y", classes: 3)], .layers(2))
  }

  /// The gradient of a pass that computes again, step by step, is that of one that does not.
  @Test func stepsHaveTheSameBits() throws {
    func weights(_ recompute: Recomputation) throws -> [UInt32] {
      let bench = try Bench(Self.deep(4), Self.fields, capacity: 5, recompute: recompute)
      for step in 0..<6 {
        bench.train(step: step)
        for slot in bench.model.layout.slots {
          for place in slot.range {
            let gradient = bench.gradients.values[place]
            // A statistic comes as its sum over the rows; the rest is a step downhill.
            bench.store.base[place] =
              slot.role == .trainable ? bench.store.base[place] - 0.1 * gradient : gradient / 180
          }
        }
      }
      return (0..<bench.model.layout.count).map { bench.store.base[$0].bitPattern }
    }
    let kept = try weights(.none)
    #expect(try weights(.blocks(1)) == kept)
    #expect(try weights(.blocks(2)) == kept)
    #expect(try weights(.layers(3)) == kept)
  }

  /// However deep the network, a block more takes the memory of its output.
  @Test func aBlockMoreTakesItsOutput() throws {
    func bytes(_ blocks: Int, _ recompute: Recomputation) throws -> Int {
      try Bench(Self.deep(blocks), Self.fields, capacity: 4, recompute: recompute).model.arenaBytes
    }
    let tensor = 4 * 6 * 6 * 4 * MemoryLayout<Float>.stride
    // Means and variances of two norms, on a cache line each.
    let statistics = 4 * 64
    let one = try bytes(12, .blocks(1)) - bytes(6, .blocks(1))
    #expect(one == 6 * (tensor + statistics))
    let three = try bytes(12, .blocks(3)) - bytes(6, .blocks(3))
    #expect(three == 2 * tensor + 6 * statistics)
    let whole = try bytes(12, .none) - bytes(6, .none)
    #expect(whole == 6 * (4 * tensor + statistics))
    #expect(try bytes(12, .layers(4)) < bytes(12, .none))
  }

  /// What is read inside of a block stays, and hints of it give the same gradient.
  @Test func whatIsReadInsideIsKept() throws {
    let paths = ["modalities.x.3.layers.1", "modalities.x.5", "modalities.x.7.layers.4"]
    func outputs(_ recompute: Recomputation) throws -> ([[UInt32]], [UInt32]) {
      let bench = try Bench(
        Self.deep(4), Self.fields, capacity: 3, reading: paths, recompute: recompute)
      bench.model.poison(onlyReleased: false)
      bench.train(observer: Poisoner(bench.model))
      let read = paths.indices.map {
        bench.model.output(ofReadLayer: $0, samples: 3).map(\.bitPattern)
      }
      return (read, bench.gradientValues.map(\.bitPattern))
    }
    let kept = try outputs(.none)
    for recompute in [Recomputation.blocks(1), .blocks(3), .layers(2)] {
      let found = try outputs(recompute)
      #expect(found.0 == kept.0 && found.1 == kept.1)
    }
  }

  /// Statistics of a group are met for once.
  @Test func synchronizedNormsMeetOnce() throws {
    func gradients(_ recompute: Recomputation) throws -> ([[UInt32]], Int) {
      let bench = try GroupBench(
        Self.deep(4).synchronized(4), Self.fields, sizes: [2, 2, 1], recompute: recompute)
      let meeting = Counter()
      bench.train(meeting: meeting)
      return (
        bench.members.map { $0.gradients.values.all.map(\.bitPattern) }, meeting.count
      )
    }
    let kept = try gradients(.none)
    let found = try gradients(.blocks(1))
    #expect(found.0 == kept.0)
    #expect(found.1 == 2 * 9 && kept.1 == 2 * 9)
  }

  /// Counts the meetings of members that are all here.
  private final class Counter: StatisticMeeting {
    private(set) var count = 0
    func meet(point: Int, width: Int, rows: UnsafeMutablePointer<Double>) { count += 1 }
  }

  /// States that are carried go on from what the pass began with.
  @Test func carriedStatesAdvanceOnce() throws {
    let stack = LayerConfiguration.recurrent(
      RecurrentConfiguration(cell: .lstm, hidden: 4, carries: true))
    func states(_ recompute: Recomputation) throws -> [UInt32] {
      let bench = try Bench(
        network([linear(4), stack, stack, .pool(.last)]),
        [values("x", [5, 4]), labels("y", classes: 3)], capacity: 3, recompute: recompute)
      let rows = [Float](repeating: 0.25, count: 3 * bench.model.carriedWidth)
      var (before, after) = (rows, rows)
      before.withUnsafeMutableBufferPointer { from in
        after.withUnsafeMutableBufferPointer { to in
          guard let first = from.baseAddress, let second = to.baseAddress else { return }
          bench.train(carried: CarriedState(before: first, after: second))
        }
      }
      #expect(before == rows)
      return (after + bench.gradientValues).map(\.bitPattern)
    }
    #expect(try states(.layers(1)) == states(.none))
  }

  /// The last segment is still there when the way back begins, and what only gives outputs is not computed again.
  @Test func onlyWhatIsNeededIsComputedAgain() throws {
    let block = LayerConfiguration.residual(
      layers: [.layerNorm(epsilon: 1e-5), linear(12), relu, linear(6), .dropout(rate: 0.1)],
      shortcut: [])
    let bench = try Bench(
      network([linear(6), block, block, block]), [values("x", [6]), labels("y", classes: 3)],
      capacity: 3, recompute: .blocks(1))
    let recorder = Recorder()
    bench.train(observer: recorder)
    let paths = recorder.events.compactMap { event in
      if case .forward(let index) = event { bench.model.layers[index].path } else { nil }
    }
    func visits(_ path: String) -> Int { paths.count { $0 == path } }
    let first = "modalities.x.1.layers"
    #expect((0..<5).map { visits("\(first).\($0)") } == [2, 2, 2, 1, 1])
    #expect((0..<5).map { visits("modalities.x.3.layers.\($0)") } == [1, 1, 1, 1, 1])
    let again = bench.model.layers.filter(\.isComputedAgain).map(\.path)
    #expect(again.contains("\(first).1") && !again.contains("\(first).3"))
    let counted = bench.model.layers.filter { $0.multiplyAddsPerSample > 0 }
    #expect(
      counted.map { $0.operationsPerSample / $0.multiplyAddsPerSample }
        == [6, 8, 6, 8, 6, 6, 6, 6])
  }

  @Test func passesAllocateNothing() throws {
    for recompute in [Recomputation.blocks(2), .layers(2)] {
      let bench = try Bench(Self.deep(4), Self.fields, capacity: 4, recompute: recompute)
      let (model, microbatch) = (bench.model, bench.microbatch)
      let parameters = UnsafePointer(bench.store.base)
      var gradients = LocalGradients(model.layout)
      bench.normalizers.withUnsafeBufferPointer { buffer in
        guard let divisors = buffer.baseAddress else { return }
        let touched = AllocationProbe.sizesTouched {
          model.train(microbatch, parameters, normalizers: divisors, step: 3, into: &gradients)
        }
        #expect(touched == [])
      }
    }
  }

  /// A block whose inside is gone is named for what is in it.
  @Test func namesTheBlockThatIsNotFinite() throws {
    let bench = try Bench(Self.deep(5), Self.fields, capacity: 3, recompute: .blocks(1))
    let slot = try #require(bench.model.layout["modalities.x.5.layers.0.weight"])
    bench.store[slot].update(repeating: .infinity)
    bench.train()
    #expect(bench.model.firstNonFinite(bench.microbatch)?.name == "modalities.x.5")
  }

  @Test func evaluationAloneIsAsEver() throws {
    let alone = try Bench(Self.deep(5), Self.fields, capacity: 3, purpose: .evaluation)
    let asked = try Bench(
      Self.deep(5), Self.fields, capacity: 3, purpose: .evaluation, recompute: .blocks(1))
    #expect(asked.model.arenaBytes == alone.model.arenaBytes)
    let training = try Bench(Self.deep(5), Self.fields, capacity: 3, recompute: .blocks(1))
    alone.evaluate()
    training.evaluate()
    #expect(alone.output() == training.output())
  }

  @Test(arguments: [Recomputation.blocks(1), .blocks(9), .layers(9)])
  func whatSavesNothingIsTold(_ recompute: Recomputation) {
    let layers = [linear(4), .residual(layers: [linear(4)], shortcut: []), .pool(.mean)]
    #expect {
      _ = try Bench(
        ModelConfiguration(
          modalities: [ModalityConfiguration(name: "x", field: "x", encoder: layers)],
          heads: [
            HeadConfiguration(name: "y", layers: [], loss: .meanSquaredError, target: "z")
          ]), [values("x", [5, 4]), values("z", [4])], capacity: 3, recompute: recompute)
    } throws: { "\($0)".contains("train.recompute") && "\($0)".contains("found 1") }
  }
}
