import MPI

/// Brings the times of all ranks' steps together on rank 0, a hundred steps at a time.
///
/// All ranks make the same calls. A step adds no message: one gather in ``period`` steps does.
final class TimingGather {
  /// Steps between two gathers.
  static let period = 128

  private let world: Communicator
  private let clock: StepClock
  /// Nanoseconds from this rank's clock to rank 0's.
  let offset: Int
  private var steps: [Int] = []
  private var numbers: [Int64] = []
  /// What has been found so far; on rank 0 only it sees anything.
  private(set) var attribution: Attribution

  /// A gather over all ranks.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - clock: this rank's.
  ///   - offset: nanoseconds from this rank's clock to rank 0's.
  init(_ world: Communicator, _ clock: StepClock, offset: Int) {
    self.world = world
    self.clock = clock
    self.offset = offset
    attribution = Attribution(ranks: world.size)
    steps.reserveCapacity(Self.period)
    numbers.reserveCapacity(Self.period * StepTimes.width)
  }

  /// Keeps a step's times, and gathers when it is time.
  func add(step: Int, _ times: StepTimes) throws(MPIError) {
    steps.append(step)
    times.append(to: &numbers, offset: offset)
    if steps.count == Self.period { try flush() }
  }

  /// Gathers what is kept.
  func flush() throws(MPIError) {
    defer {
      steps.removeAll(keepingCapacity: true)
      numbers.removeAll(keepingCapacity: true)
    }
    clock.waits(for: .everyone)
    defer { clock.wentOn() }
    guard !steps.isEmpty, let all = try world.gather(numbers, root: 0) else { return }
    for (index, step) in steps.enumerated() {
      attribution.add(
        step: step,
        (0..<world.size).map { rank in
          let place = (rank * steps.count + index) * StepTimes.width
          return StepTimes(numbers: all[place..<place + StepTimes.width])
        })
    }
  }

  /// The report of the whole run.
  ///
  /// - Parameter node: this rank's host name.
  /// - Returns: the report on rank 0, nil elsewhere.
  /// - Throws: `MPIError` if a gather fails.
  func report(node: String) throws(MPIError) -> TimingReport? {
    try flush()
    let mine = Phase.allCases.map { clock.seconds(in: $0) }
    let waits = try world.gather(clock.waitSeconds, root: 0)
    let nodes = try world.gatherBytes(Array(node.utf8), root: 0)
    guard let all = try world.gather(mine, root: 0), let nodes, let waits else {
      return nil
    }
    let held = (0..<world.size).map { rank in
      stride(from: rank, to: waits.count, by: world.size).reduce(0) { $0 + waits[$1] }
    }
    let width = mine.count
    return TimingReport(
      attribution, phases: (0..<world.size).map { Array(all[$0 * width..<($0 + 1) * width]) },
      held: held,
      nodes: nodes.map { String(decoding: $0, as: UTF8.self) })
  }
}
