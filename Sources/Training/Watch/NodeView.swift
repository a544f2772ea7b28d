import Exchange
import Glibc

/// What a watchdog sees of its node: the slots, and how long each has stood still.
///
/// Time is counted in looks, so a job that was suspended whole does not wake up late.
struct NodeView {
  private let board: StatusBoard
  private let facts: WatchFacts
  private var tracks: [Track]

  private struct Track {
    var mark: (UInt64, UInt64) = (0, 0)
    var idle = 0.0
    var still = 0.0
    var beats: UInt64 = 0
    var silence = 0.0
    var use: (ticks: UInt64, bytes: UInt64)?
    var condition = RankState.Condition.running
  }

  init(_ board: StatusBoard, _ facts: WatchFacts) {
    self.board = board
    self.facts = facts
    tracks = board.slots.map { _ in Track() }
  }

  /// Takes a look at positions only; cheap, it reads memory.
  mutating func look(after seconds: Double) {
    for index in tracks.indices {
      let slot = board.slots[index]
      let (mark, beats) = (slot.mark, slot.beats)
      let moved = mark != tracks[index].mark
      tracks[index].idle = moved ? 0 : tracks[index].idle + seconds
      tracks[index].still = moved ? 0 : tracks[index].still + seconds
      tracks[index].mark = mark
      tracks[index].silence = beats != tracks[index].beats ? 0 : tracks[index].silence + seconds
      tracks[index].beats = beats
    }
  }

  /// Asks the kernel about every process: whether it is there, and whether it works.
  ///
  /// A tenth of a core, or 64 KiB moved in a look, is work; the watchdog itself uses far less.
  mutating func ask(after seconds: Double) {
    for index in tracks.indices where board.slots[index].lifeStage == .running {
      let slot = board.slots[index]
      let status = ProcessStatus(of: slot.processNumber)
      var condition = RankState.Condition(status, birth: slot.processBirth)
      let isSilent = tracks[index].silence >= max(2, facts.limit / 2)
      if isSilent, condition != .stopped, condition != .dead { condition = .frozen }
      // It may have left in order between the two looks.
      guard slot.lifeStage == .running else { continue }
      tracks[index].condition = condition
      guard let status, condition != .dead else { continue }
      let bytes = ProcessUse.storageBytes(slot.processNumber) ?? 0
      defer { tracks[index].use = (status.processorTicks, bytes) }
      guard !isWaiting(index), condition != .stopped, condition != .frozen else {
        continue
      }
      // Who has just begun to ask knows of no work done before.
      guard let before = tracks[index].use else {
        tracks[index].idle = 0
        continue
      }
      let used = Double(status.processorTicks &- before.ticks) / facts.ticksPerSecond
      let moved = bytes &- before.bytes
      if used > 0.1 * seconds || moved >= 65_536 { tracks[index].idle = 0 }
    }
  }

  private func isWaiting(_ index: Int) -> Bool {
    board.slots[index].peer != nil || board.slots[index].currentPosition.phase.waitsForOthers
  }

  /// The local rank whose watchdog acts for the node: the lowest whose process can still look.
  func leader(patience: Double) -> Int? {
    tracks.indices.first { index in
      let slot = board.slots[index]
      guard slot.lifeStage == .running else { return false }
      if tracks[index].silence <= patience { return true }
      guard tracks[index].silence <= 20 * patience else { return false }
      // Silent, perhaps only for want of a core.
      let status = ProcessStatus(of: slot.processNumber)
      let condition = RankState.Condition(status, birth: slot.processBirth)
      return condition != .dead && condition != .stopped
    }
  }

  /// Whether nothing on this node has moved for `seconds`; false while a rank has not begun.
  func isStill(for seconds: Double) -> Bool {
    tracks.indices.allSatisfy {
      board.slots[$0].lifeStage == .ended
        || (board.slots[$0].lifeStage == .running && tracks[$0].still >= seconds)
    }
  }

  /// What is known of every rank of the node.
  var states: [RankState] { tracks.indices.map(state) }

  private func state(_ index: Int) -> RankState {
    let slot = board.slots[index]
    let position = slot.currentPosition
    let peer = slot.peer
    let ended = slot.lifeStage == .ended
    return RankState(
      rank: board.ranks[index], node: facts.node, process: slot.processNumber,
      condition: ended ? .ended : tracks[index].condition, step: position.step,
      phase: position.phase, layer: position.layer.flatMap(facts.layerName),
      bucket: position.bucket, microbatch: position.microbatch, waitsFor: facts.ranks(of: peer),
      isWaiting: peer != nil, idleSeconds: tracks[index].idle,
      stillSeconds: tracks[index].still)
  }
}

/// What a watchdog knows from the start.
struct WatchFacts: Sendable {
  /// The host name.
  var node: String
  /// The name of this node's heartbeat file.
  var file: String
  /// The names of all nodes' files, by node.
  var files: [String]
  /// World ranks by node.
  var nodes: [[Int]]
  /// The layers, by path and kind.
  var layers: [String]
  /// The run folder.
  var folder: RunFolder
  /// `distributed.watchdogSeconds`.
  var limit: Double
  /// The kernel's unit of processor time.
  var ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))

  /// The name of a layer.
  func layerName(_ index: Int) -> String? { index < layers.count ? layers[index] : nil }

  /// The ranks that a peer stands for; none for all.
  func ranks(of peer: WaitPeer?) -> [Int] {
    switch peer {
    case .rank(let rank): [rank]
    case .node(let node): node < nodes.count ? nodes[node] : []
    case .everyone, nil: []
    }
  }
}
