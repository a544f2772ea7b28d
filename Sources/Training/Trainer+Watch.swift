import Exchange
import Foundation
import MPI

/// What watches over a run on one rank: the node's status board and the watchdog's thread.
final class RunWatch {
  private let board: StatusBoard
  private let watchdog: Watchdog
  private let facts: WatchFacts
  private let world: Communicator
  /// This rank's node in the topology.
  let nodeNumber: Int

  /// Makes this rank visible to the others of its node, and begins to watch them.
  ///
  /// Collective. Where the run folder cannot be written by a node, that node sends no heartbeats.
  ///
  /// - Parameters:
  ///   - node: who shares memory.
  ///   - folder: the run folder.
  ///   - layers: the layers, by path and kind.
  ///   - limit: `distributed.watchdogSeconds`.
  ///   - clock: tells what this rank does; the world holds it weakly.
  /// - Throws: `AgreedFailure` if a node has no memory left, or `MPIError`.
  init(
    _ node: Node, _ folder: RunFolder, layers: [String] = [], limit: Int, _ clock: StepClock
  ) throws {
    let world = node.world
    self.world = world
    try world.agree {
      guard world.rank == 0 else { return }
      Heartbeats(of: folder).prepare()
      PostMortem.prepare(folder)
    }
    let host = world.hostName
    let file = "\(host)-\(node.topology.nodes[node.seat.node][0]).json"
    let files = try world.allGatherBytes(Array(file.utf8)).map {
      String(decoding: $0, as: UTF8.self)
    }
    facts = WatchFacts(
      node: host, file: file, files: node.topology.nodes.map { files[$0[0]] },
      nodes: node.topology.nodes, layers: layers, folder: folder, limit: Double(limit))
    nodeNumber = node.seat.node
    board = try StatusBoard(node)
    watchdog = Watchdog(board, facts)
    clock.join(board.own, ranks: world.size)
    world.observer = clock
    watchdog.start()
  }

  /// Watches to the end of some work.
  ///
  /// - Parameter body: the work; what it throws is recorded.
  /// - Returns: what it returns.
  /// - Throws: what it throws.
  func during<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      let result = try body()
      stop()
      return result
    } catch {
      stop(error)
      throw error
    }
  }

  /// Ends in order; the last rank of the node removes its heartbeat.
  ///
  /// - Parameter error: why this rank leaves before the others, if it does.
  private func stop(_ error: (any Error)? = nil) {
    let heartbeats = Heartbeats(of: facts.folder)
    // The others are ended now: what they were doing is not why.
    if let error, (error as? AgreedFailure)?.rank ?? rank == rank { record(error, in: heartbeats) }
    // Before the board shows the end: to a watchdog, a node of which all ranks have ended stands still, and with
    // a reason recorded it would end this process, with its own code, in the middle of telling that reason.
    watchdog.stop()
    // The board goes with this run; what the process does afterwards with the same ranks must not be written there.
    world.observer = nil
    board.own.close()
    if board.leave(), error == nil { heartbeats.remove(facts.file) }
  }

  private var rank: Int { board.ranks[board.localRank] }

  private func record(_ error: any Error, in heartbeats: Heartbeats) {
    let position = board.own.currentPosition
    let state = RankState(
      rank: rank, node: facts.node, process: getpid(), step: position.step, phase: position.phase,
      layer: position.layer.flatMap(facts.layerName), bucket: position.bucket,
      microbatch: position.microbatch)
    _ = heartbeats.record(
      JobVerdict(
        .error, "rank \(rank) on node \(facts.node) ended with an error: \(state.place)",
        ranks: [state]))
  }
}

extension Trainer {
  /// Begins to watch this rank and its neighbours, and to gather where time goes.
  ///
  /// Collective.
  private func startWatching() throws -> RunWatch {
    let node = exchange.node
    let watch = try RunWatch(
      node, folder, layers: model.layers.map { "\($0.path) (\($0.kind))" },
      limit: configuration.distributed.watchdogSeconds, clock)
    exchange.observer = clock
    self.watch = watch
    timing = TimingGather(world, clock, offset: try ClockOffset.measure(node))
    return watch
  }

  /// Tells clock and noise scale that the next step begins.
  func beginStep() {
    clock.begin(step: state.step + 1)
    noise.begin(
      step: state.step,
      microbatches: plan.microbatchCount(ofStep: state.step % plan.stepsPerEpoch))
  }

  /// Brings the gradient noise scale up to date, where this step measures it.
  ///
  /// - Parameter record: the step just done; `state.step` still is its number.
  /// - Returns: the running estimate in samples, equal on all ranks; nil on most steps.
  /// - Throws: `MPIError` if adding up the norms fails.
  func measureNoise(_ record: StepRecord) throws -> Double? {
    guard let squares = noise.pending, !record.skipped else { return nil }
    clock.waits(for: .everyone)
    try world.allReduce(squares, by: .sum)
    clock.wentOn()
    let step = record.step % plan.stepsPerEpoch
    let samples = (0..<plan.microbatchCount(ofStep: step)).map {
      plan.positions(step: step, microbatch: $0).count
    }
    return noise.finish(samples: samples, globalNorm: record.gradientNorm)
  }

  /// `Communicator.agree` that shows when this rank is done with its part and waits for the others.
  func agreeWatched<Result>(_ body: () throws -> Result) throws -> Result {
    defer { clock.wentOn() }
    return try world.agree {
      defer { clock.waits(for: .everyone) }
      return try body()
    }
  }

  /// Runs `body` under the watchdog's eyes.
  ///
  /// - Parameter body: the run after its folder was taken.
  /// - Returns: what `body` returns.
  /// - Throws: what `body` throws.
  func watched<Result>(_ body: () throws -> Result) throws -> Result {
    defer { watch = nil }
    return try startWatching().during(body)
  }
}
