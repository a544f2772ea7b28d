import Configuration
import Models
import Parameters
import Tensors
import Testing

/// Batch norms that take their statistics over a group of microbatches in lockstep.
@Suite struct SynchronizedTests {
  typealias Case = FiniteDifferenceTests.Case

  /// The cases with batch norms, and one with dropout beside them.
  static let subjects: [Case] =
    (Case.layers + Case.composites).filter { hasNorm($0.configuration) } + [
      Case(
        name: "batch norm and dropout",
        configuration: network([
          linear(9), norm, relu, .dropout(rate: 0.4), linear(6), norm, .dropout(rate: 0.2),
        ]), fields: [values("x", [6]), labels("y", classes: 3)])
    ]

  private static func hasNorm(_ configuration: ModelConfiguration) -> Bool {
    configuration.synchronized(2) != configuration
  }

  @Test func thereAreSubjects() { #expect(Self.subjects.count >= 7) }

  @Test(
    arguments: ["batch-norm", "residual", "conv1d", "norm-group"],
    [[1, 1, 1, 1], [2, 1, 1], [3, 1], [4]])
  func agreesWithPyTorch(_ name: String, sizes: [Int]) throws {
    let network = try #require(GoldenNetwork.all.first { $0.name == name })
    let golden = try Golden.read(name)
    let plain = try Bench(network.configuration, network.fields, capacity: golden.samples)
    try golden.load(into: plain)
    // What is recorded of the whole batch; the first member gets what the sizes leave.
    var sizes = sizes
    sizes[0] += golden.samples - sizes.reduce(0, +)
    let bench = try GroupBench(
      network.configuration.synchronized(4), network.fields, sizes: sizes)
    bench.store.base.update(from: plain.store.base, count: bench.model.layout.count)
    bench.deal(plain.microbatch)
    bench.train()
    let expected = try #require(golden.training.gradients)
    let found = bench.gradientSum
    for slot in bench.model.layout.slots {
      let recorded = try #require(expected[slot.name])
      let isClose = Golden.isClose(Array(found[slot.range]), recorded, bound: 1e-5)
      #expect(isClose, "gradient of \(slot.name)")
    }
    for (index, head) in bench.model.heads.enumerated() {
      let outputs = bench.members.flatMap { $0.outputs[index] }.map(Double.init)
      let recorded = try #require(golden.training.outputs[head.name])
      let isClose = Golden.isClose(outputs, recorded, bound: 1e-5)
      #expect(isClose, "outputs of \(head.name)")
      let loss = bench.members.reduce(0) { $0 + $1.losses[index] }
      #expect(Golden.isClose([loss], [golden.training.losses[index]], bound: 1e-5))
    }
  }

  @Test(arguments: subjects)
  func equalsAPlainNormOverTheWholeGroup(_ subject: Case) throws {
    let plain = try Bench(subject.configuration, subject.fields, capacity: 7)
    let bench = try GroupBench(
      subject.configuration.synchronized(4), subject.fields, sizes: [2, 2, 2, 1])
    #expect(abs(bench.train() - plain.train()) <= 1e-5)
    let (found, expected) = (bench.gradientSum, plain.gradientValues.map(Double.init))
    for slot in plain.model.layout.slots {
      let isClose = Golden.isClose(
        Array(found[slot.range]), Array(expected[slot.range]), bound: 1e-5)
      #expect(isClose, "\(slot.name)")
    }
  }

  @Test(arguments: subjects)
  func gradientsAreThoseOfTheForwardPass(_ subject: Case) throws {
    let bench = try GroupBench(
      subject.configuration.synchronized(2), subject.fields, sizes: [3, 2])
    FiniteDifference.disturb(bench.store)
    bench.train()
    FiniteDifference.check(
      bench.model.layout, bench.store.base, analytic: bench.gradientSum
    ) { bench.train() }
  }

  @Test(arguments: subjects)
  func aGroupOfOneHasTheBitsOfAPlainNorm(_ subject: Case) throws {
    let plain = try Bench(subject.configuration, subject.fields, capacity: 5)
    plain.train()
    let bench = try GroupBench(subject.configuration.synchronized(4), subject.fields, sizes: [5])
    bench.train()
    let isSame = bench.members[0].gradients.values.all.elementsEqual(plain.gradients.values.all) {
      $0.bitPattern == $1.bitPattern
    }
    #expect(isSame)
    #expect(bench.members[0].losses == plain.model.heads.indices.map { plain.model.losses[$0] })
    #expect(bench.members[0].outputs[0] == plain.output())
  }

  @Test(arguments: subjects)
  func theGroupDecidesTheBits(_ subject: Case) throws {
    let bench = try GroupBench(
      subject.configuration.synchronized(4), subject.fields, sizes: [2, 3, 3, 2])
    bench.train()
    let expected = bench.bits
    for owners in [
      [0, 0, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0], [0, 1, 2, 2], [2, 1, 1, 0], [0, 1, 2, 3],
    ] {
      for member in bench.members { member.gradients.values.all.update(repeating: .nan) }
      try bench.train(owners: owners)
      let isSame = bench.bits == expected
      #expect(isSame, "members of ranks \(owners)")
    }
  }

  @Test func aShortGroupDoesToo() throws {
    let subject = try #require(Self.subjects.last)
    let bench = try GroupBench(
      subject.configuration.synchronized(4), subject.fields, sizes: [3, 3, 1])
    bench.train()
    let expected = bench.bits
    for owners in [[0, 0, 1], [0, 1, 1], [2, 1, 0]] {
      try bench.train(owners: owners)
      let isSame = bench.bits == expected
      #expect(isSame, "members of ranks \(owners)")
    }
  }

  /// Sums in which large numbers cancel, so that another order of the members shows.
  @Test func theOrderIsThatOfTheMembers() throws {
    let fields = [values("x", [1]), values("z", [3])]
    func ordered(_ order: [Int]) throws -> GroupBench {
      let bench = try GroupBench(
        network([linear(5), norm], outputs: 3, loss: .meanSquaredError, target: "z")
          .synchronized(4), fields, sizes: [1, 1, 1, 1])
      let numbers: [Float] = [0x1.8p50, 1.25, -0x1.8p50, 2.5]
      for (member, number) in zip(bench.members, order.map { numbers[$0] }) {
        member.microbatch.floats(0)[0] = number
        for index in 0..<3 { member.microbatch.floats(1)[index] = number * Float(index + 1) }
      }
      return bench
    }
    func means(_ bench: GroupBench) -> [Float] {
      let slot = bench.model.layout["modalities.x.1.runningMean"]
      return slot.map { Array(bench.members[0].gradients.values.all[$0.range]) } ?? []
    }
    let bench = try ordered([0, 1, 2, 3])
    bench.train()
    let expected = bench.bits
    let other = try ordered([1, 0, 3, 2])
    other.train()
    #expect(means(other) != means(bench), "another order has other bits")
    for owners in [[0, 0, 1, 1], [1, 0, 0, 0], [0, 1, 0, 1], [3, 2, 1, 0]] {
      try bench.train(owners: owners)
      let isSame = bench.bits == expected
      #expect(isSame, "members of ranks \(owners)")
    }
  }

  @Test func aMemberFeelsTheOthers() throws {
    let subject = try #require(Self.subjects.first)
    let bench = try GroupBench(
      subject.configuration.synchronized(2), subject.fields, sizes: [3, 3])
    bench.train()
    let (bits, loss) = (bench.bits, bench.members[0].losses)
    let alone = try GroupBench(subject.configuration.synchronized(2), subject.fields, sizes: [3])
    alone.normalizers = bench.normalizers
    alone.train()
    #expect(alone.members[0].losses != loss)
    bench.members[1].microbatch.floats(0)[0] += 1
    bench.train()
    #expect(bench.members[0].losses != loss && bench.bits != bits)
  }

  @Test func evaluatesByRunningStatistics() throws {
    let subject = try #require(Self.subjects.first)
    let plain = try Bench(subject.configuration, subject.fields, capacity: 3)
    let bench = try GroupBench(
      subject.configuration.synchronized(2), subject.fields, sizes: [3, 3])
    plain.evaluate()
    bench.train()
    bench.model.evaluate(plain.microbatch, UnsafePointer(bench.store.base))
    #expect(bench.model.losses[0] == plain.model.losses[0])
  }

  @Test(arguments: subjects)
  func meetsAtEveryPointInOrder(_ subject: Case) throws {
    let bench = try GroupBench(
      subject.configuration.synchronized(2), subject.fields, sizes: [2, 2])
    let log = PointLog()
    bench.train(meeting: log)
    #expect(log.points == Array(0..<bench.model.synchronizationPoints))
    #expect(log.widths.max() == bench.model.largestSynchronizedWidth)
    #expect(bench.model.synchronizedGroup == 2)
    let plain = try Model(subject.configuration, fields: subject.fields, capacity: 2, seed: 1)
    #expect(plain.synchronizedGroup == 1 && plain.synchronizationPoints == 0)
    #expect(plain.largestSynchronizedWidth == 0)
    #expect(plain.layout == bench.model.layout)
  }

  @Test(arguments: subjects)
  func gradientsAreFinalInAllLanes(_ subject: Case) throws {
    let bench = try GroupBench(
      subject.configuration.synchronized(2), subject.fields, sizes: [2, 2])
    let recorder = Recorder()
    let values = bench.members.map { $0.gradients.values.all }
    recorder.onFinal = { offset in
      for lane in values { recorder.copies.append(Array(lane)[offset...]) }
      bench.store.all[offset...].update(repeating: .nan)
    }
    bench.train(observer: recorder)
    for (index, copy) in recorder.copies.enumerated() {
      let final = values[index % 2][copy.startIndex...]
      let isSame = copy.elementsEqual(final) { $0.bitPattern == $1.bitPattern }
      #expect(isSame, "gradients from \(copy.startIndex)")
    }
    #expect(values.allSatisfy { $0.allSatisfy(\.isFinite) })
    #expect(recorder.copies.last?.startIndex == 0)
  }

  @Test func groupsAllocateNothing() throws {
    for subject in Self.subjects {
      let bench = try GroupBench(
        subject.configuration.synchronized(2), subject.fields, sizes: [2, 2])
      let (model, members) = (bench.model, bench.members)
      let parameters = UnsafePointer(bench.store.base)
      let meeting = SilentMeeting()
      bench.normalizers.withUnsafeBufferPointer { buffer in
        guard let divisors = buffer.baseAddress else { return }
        let touched = AllocationProbe.sizesTouched {
          for step in 0..<3 {
            for member in members { model.seat(member.microbatch, into: &member.gradients) }
            model.train(
              groupOf: 2, parameters, normalizers: divisors, step: step, meeting: meeting)
          }
        }
        #expect(touched == [], "\(subject.name)")
      }
      #expect(meeting.calls > 0)
    }
  }
}

/// Keeps where it was called; for groups whose members are all here.
private final class PointLog: StatisticMeeting {
  var points: [Int] = []
  var widths: [Int] = []

  func meet(point: Int, width: Int, rows: UnsafeMutablePointer<Double>) {
    points.append(point)
    widths.append(width)
  }
}

/// Counts its calls; for groups whose members are all here.
private final class SilentMeeting: StatisticMeeting {
  var calls = 0

  func meet(point: Int, width: Int, rows: UnsafeMutablePointer<Double>) { calls += 1 }
}
