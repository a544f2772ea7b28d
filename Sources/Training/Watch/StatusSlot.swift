import Exchange
import Glibc
import Synchronization

/// One rank's words on the status board.
///
/// Only the rank itself writes, apart from the watchdog's beat; everybody of the node reads. Each word
/// is whole by itself, and the position is one word.
///
/// - Cost of a change: two plain stores on one cache line.
package struct StatusSlot: @unchecked Sendable {
  /// Bytes of a slot: whole cache lines, and pairs of them, since processors fetch lines in pairs.
  static let stride = 512
  /// Step durations that are kept.
  static let keptSteps = 32

  private static let position = 0
  private static let events = 1
  private static let step = 2
  private static let waiting = 3
  private static let stage = 4
  // The watchdog's thread writes here; not on the compute thread's line.
  private static let beat = 16
  private static let process = 17
  private static let birth = 18
  private static let phases = 20
  private static let stepCount = 31
  private static let durations = 32

  private let words: UnsafeMutablePointer<Atomic<UInt64>>

  /// The slot at `place`: zeroed memory on a line border that outlives it.
  init(at place: UnsafeMutableRawPointer) {
    words = place.assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  /// How far the rank is with its life.
  enum Stage: UInt64 {
    case absent, running, ended
  }

  private func load(_ word: Int) -> UInt64 { words[word].load(ordering: .acquiring) }
  private func store(_ word: Int, _ value: UInt64) {
    words[word].store(value, ordering: .releasing)
  }

  // MARK: What the compute thread writes

  /// Takes the slot for this process.
  func open() {
    store(Self.process, UInt64(getpid()))
    store(Self.birth, ProcessStatus(of: getpid())?.birth ?? 0)
    store(Self.stage, Stage.running.rawValue)
  }

  /// Says that the rank leaves in order.
  func close() { store(Self.stage, Stage.ended.rawValue) }

  /// Sets position and count of changes.
  @inline(__always)
  package func move(to word: UInt64, events: UInt64) {
    words[Self.position].store(word, ordering: .releasing)
    words[Self.events].store(events, ordering: .relaxed)
  }

  /// Sets whom the rank waits for; zero is nobody.
  @inline(__always)
  func wait(_ word: UInt64) { words[Self.waiting].store(word, ordering: .relaxed) }

  /// Begins a step, from 1.
  package func begin(step: Int) { store(Self.step, UInt64(step)) }

  /// Keeps the duration of a step that is over and the sums per phase.
  func finishStep(nanoseconds: Int, phases: UnsafePointer<Int>) {
    let count = load(Self.stepCount)
    store(Self.durations + Int(count) % Self.keptSteps, UInt64(max(0, nanoseconds)))
    for phase in Phase.allCases {
      store(Self.phases + Int(phase.rawValue), UInt64(max(0, phases[Int(phase.rawValue)])))
    }
    store(Self.stepCount, count + 1)
  }

  // MARK: What the watchdog writes

  /// Counts the watchdog's looks, which tell that the process runs.
  func beatOnce() { words[Self.beat].add(1, ordering: .relaxed) }

  // MARK: What neighbours read

  var lifeStage: Stage { Stage(rawValue: load(Self.stage)) ?? .absent }
  var processNumber: pid_t { pid_t(truncatingIfNeeded: load(Self.process)) }
  var processBirth: UInt64 { load(Self.birth) }
  var beats: UInt64 { load(Self.beat) }
  package var peer: WaitPeer? { WaitPeer(word: load(Self.waiting)) }
  /// Changes whenever the rank has moved.
  var mark: (UInt64, UInt64) { (load(Self.position), load(Self.events)) }
  package var currentPosition: RankPosition {
    RankPosition(word: load(Self.position), step: Int(load(Self.step)))
  }

  /// Seconds by phase up to the last finished step.
  var phaseSeconds: [String: Double] {
    var table: [String: Double] = [:]
    for phase in Phase.allCases {
      table[phase.name] = Double(load(Self.phases + Int(phase.rawValue))) * 1e-9
    }
    return table
  }

  /// Seconds of the last finished steps, oldest first.
  var lastSteps: [Double] {
    let count = Int(load(Self.stepCount))
    return (max(0, count - Self.keptSteps)..<count).map {
      Double(load(Self.durations + $0 % Self.keptSteps)) * 1e-9
    }
  }
}
