import Exchange
import Foundation
import MPI

/// What watches over a run on one rank: the node's status board and the watchdog's thread.
final class RunWatch {
  private let board: StatusBoard
  private let watchdog: Watchdog
  private let facts: WatchFacts
  /// This rank's node in the topology.
  let nodeNumber: Int

  init(_ board: StatusBoard, _ facts: WatchFacts, nodeNumber: Int) {
    self.nodeNumber = nodeNumber
    self.board = board
    self.facts = facts
    watchdog = Watchdog(board, facts)
  }

  /// Begins to show what the rank does, and to watch the others.
  func start(_ clock: StepClock) {
    clock.join(board.own, ranks: facts.nodes.reduce(0) { $0 + $1.count })
    watchdog.start()
  }

  /// Ends in order; the last rank of the node removes its heartbeat.
  ///
  /// - Parameter error: why this rank leaves before the others, if it does.
  func stop(_ error: (any Error)? = nil) {
    let heartbeats = Heartbeats(of: facts.folder)
    // The others are ended now: what they were doing is not why.
    if let error, (error as? AgreedFailure)?.rank ?? rank == rank { record(error, in: heartbeats) }
    // Before the board shows the end: to a watchdog, a node of which all ranks have ended stands still, and with
    // a reason recorded it would end this process, with its own code, in the middle of telling that reason.
    watchdog.stop()
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
  /// Makes this rank visible to the others of its node and starts its watchdog.
  ///
  /// Collective. Where the run folder cannot be written by a node, that node sends no heartbeats.
  func startWatching() throws {
    try world.agree {
      guard world.rank == 0 else { return }
      Heartbeats(of: folder).prepare()
      PostMortem.prepare(folder)
    }
    let node = exchange.node
    let host = world.hostName
    let file = "\(host)-\(node.topology.nodes[node.seat.node][0]).json"
    let files = try world.allGatherBytes(Array(file.utf8)).map {
      String(decoding: $0, as: UTF8.self)
    }
    let facts = WatchFacts(
      node: host, file: file, files: node.topology.nodes.map { files[$0[0]] },
      nodes: node.topology.nodes, layers: model.layers.map { "\($0.path) (\($0.kind))" },
      folder: folder, limit: Double(configuration.distributed.watchdogSeconds))
    let watch = RunWatch(try StatusBoard(node), facts, nodeNumber: node.seat.node)
    watch.start(clock)
    exchange.observer = clock
    world.observer = clock
    self.watch = watch
    timing = TimingGather(world, clock, offset: try ClockOffset.measure(node))
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
    try startWatching()
    defer { watch = nil }
    do {
      let result = try body()
      watch?.stop()
      return result
    } catch {
      watch?.stop(error)
      throw error
    }
  }
}
