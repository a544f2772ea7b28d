import Buffers
import Glibc

/// Room for the decoded blocks of a dataset, and who has which.
///
/// One process keeps it in memory of its own, or the ranks of a node share it, so that each block is decoded
/// by one of them. A lock guards the tables; blocks are decoded and read outside of it, in slots that are
/// *held* meanwhile. Every block in a slot has a *stamp*: the latest place of the series at which it is known
/// to be needed. The block with the least makes room for another; one that is brought ahead of its time never
/// takes the room of a block that a reader may still need.
final class BlockCache: @unchecked Sendable {
  /// How much there is.
  struct Extents: Sendable, Equatable {
    /// The blocks of the dataset.
    var blocks: Int
    /// Blocks that have room at once.
    var slots: Int
    /// Bytes of a block.
    var slotBytes: Int
    /// Processes that look into it.
    var readers: Int
  }

  /// What came of asking for a block.
  enum Claim {
    /// It is in this slot, held.
    case here(Int)
    /// The caller decodes it into this slot, which is held, and calls ``filled(_:)`` or ``abandon(_:)``.
    case toFill(Int)
    /// Nothing is to be done: it is there, or another decodes it.
    case elsewhere
    /// No block may make room for it yet.
    case full
  }

  let extents: Extents
  private let reader: Int
  private let keeper: AnyObject
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private let header: UnsafeMutablePointer<Int>
  /// Per reader: the place of the series it has reached.
  private let reached: UnsafeMutablePointer<Int>
  /// Per reader: series it has begun.
  private let begun: UnsafeMutablePointer<Int>
  /// Per block: 0 where it is nowhere, slot + 1 where it is, -(slot + 1) where it is being decoded.
  private let places: UnsafeMutablePointer<Int32>
  /// Per slot.
  private let blocks, stamps, uses, holds: UnsafeMutablePointer<Int>
  private let data: UnsafeMutablePointer<UInt8>

  /// Words of the header: slots ever used, the clock of uses, who waits, and the newest series.
  private enum Word { static let (used, clock, waiting, series) = (0, 1, 2, 3) }

  /// A cache in memory of this process.
  convenience init(_ extents: Extents) {
    let memory = PrivateMemory(byteCount: Self.byteCount(extents))
    self.init(extents, at: memory.base, keeper: memory, reader: 0)
    prepare()
  }

  /// A cache in zeroed memory that others see too; one of them calls ``prepare()`` before anyone reads.
  init(_ extents: Extents, at base: UnsafeMutableRawPointer, keeper: AnyObject, reader: Int) {
    precondition(reader < extents.readers, "reader \(reader) of \(extents.readers)")
    (self.extents, self.keeper, self.reader) = (extents, keeper, reader)
    mutex = base.assumingMemoryBound(to: pthread_mutex_t.self)
    condition = (base + 128).assumingMemoryBound(to: pthread_cond_t.self)
    header = (base + 256).assumingMemoryBound(to: Int.self)
    let words = (base + 512).assumingMemoryBound(to: Int.self)
    (reached, begun) = (words, words + extents.readers)
    let slots = words + 2 * extents.readers
    (blocks, stamps, uses, holds) = (
      slots, slots + extents.slots, slots + 2 * extents.slots, slots + 3 * extents.slots
    )
    places = UnsafeMutableRawPointer(slots + 4 * extents.slots).assumingMemoryBound(to: Int32.self)
    data = (base + Self.dataOffset(extents)).assumingMemoryBound(to: UInt8.self)
  }

  private static func dataOffset(_ extents: Extents) -> Int {
    let words = 2 * extents.readers + 4 * extents.slots
    let tables = 512 + words * MemoryLayout<Int>.stride + extents.blocks * 4
    return (tables + 4095) / 4096 * 4096
  }

  /// Bytes that a cache takes; a multiple of a page.
  static func byteCount(_ extents: Extents) -> Int {
    (dataOffset(extents) + extents.slots * extents.slotBytes + 4095) / 4096 * 4096
  }

  /// Makes lock and condition, once, before anyone reads.
  func prepare() {
    var lock = pthread_mutexattr_t()
    pthread_mutexattr_init(&lock)
    pthread_mutexattr_setpshared(&lock, Int32(PTHREAD_PROCESS_SHARED))
    pthread_mutex_init(mutex, &lock)
    pthread_mutexattr_destroy(&lock)
    var signal = pthread_condattr_t()
    pthread_condattr_init(&signal)
    pthread_condattr_setpshared(&signal, Int32(PTHREAD_PROCESS_SHARED))
    pthread_cond_init(condition, &signal)
    pthread_condattr_destroy(&signal)
    reached.update(repeating: .max, count: extents.readers)
  }

  /// The numbers of a slot.
  func bytes(_ slot: Int) -> UnsafeMutablePointer<UInt8> { data + slot * extents.slotBytes }

  /// Begins a series of places from 0 on, the same on all readers.
  func begin() {
    locked {
      begun[reader] += 1
      reached[reader] = 0
      guard begun[reader] > header[Word.series] else { return }
      header[Word.series] = begun[reader]
      stamps.update(repeating: -1, count: header[Word.used])
    }
  }

  /// Tells that this reader needs nothing any more that has a lesser stamp; nothing at all with `.max`.
  func reach(_ stamp: Int) {
    locked { reached[reader] = stamp }
  }

  /// Whether a block is there or on its way.
  func has(_ block: Int) -> Bool { locked { places[block] != 0 } }

  /// Whether every block has a slot, and had one given to it.
  var isWhole: Bool {
    extents.slots == extents.blocks && locked { header[Word.used] == extents.slots }
  }

  /// Asks for a block that is needed now, and waits while another decodes it.
  ///
  /// - Returns: `.here` or `.toFill`.
  func claim(_ block: Int) -> Claim {
    locked {
      while true {
        let place = Int(places[block])
        if place > 0 {
          hold(place - 1)
          return .here(place - 1)
        }
        if place == 0, let slot = vacate(below: .max) {
          take(slot, for: block, stamp: here)
          return .toFill(slot)
        }
        header[Word.waiting] += 1
        pthread_cond_wait(condition, mutex)
        header[Word.waiting] -= 1
      }
    }
  }

  /// Asks for a block that will be needed at a place of the series.
  ///
  /// - Returns: `.toFill`, `.elsewhere` or `.full`.
  func claimAhead(_ block: Int, stamp: Int) -> Claim {
    locked {
      let place = Int(places[block])
      guard place == 0 else {
        let slot = abs(place) - 1
        stamps[slot] = max(stamps[slot], stamp)
        return .elsewhere
      }
      let least = (0..<extents.readers).reduce(stamp) { min($0, reached[$1]) }
      guard let slot = vacate(below: least) else { return .full }
      take(slot, for: block, stamp: stamp)
      return .toFill(slot)
    }
  }

  /// Holds the blocks of the first of some rows, as many of them as are there.
  ///
  /// - Returns: how many rows; their slots are in `slots`.
  func hold(
    _ rows: UnsafeBufferPointer<Int64>.SubSequence, rowsPerBlock: Int,
    _ slots: inout InlineArray<64, Int>
  ) -> Int {
    locked {
      var count = 0
      for row in rows.prefix(groupSize) {
        let block = Int(row) / rowsPerBlock
        precondition(row >= 0 && block < extents.blocks, "row \(row) of \(extents.blocks) blocks")
        let place = Int(places[block])
        guard place > 0 else { break }
        hold(place - 1)
        slots[count] = place - 1
        count += 1
      }
      return count
    }
  }

  /// Rows whose blocks a reader holds at once: so few that others always find room.
  private var groupSize: Int { max(1, min(64, extents.slots / (4 * extents.readers))) }

  /// Lets go of slots.
  func release(_ slots: InlineArray<64, Int>, count: Int) {
    locked {
      for index in 0..<count { holds[slots[index]] -= 1 }
      wake()
    }
  }

  /// The block of a slot is decoded; whoever decoded it ahead of its time lets go.
  func filled(_ slot: Int, ahead: Bool) {
    locked {
      places[blocks[slot]] = Int32(slot + 1)
      if ahead { holds[slot] -= 1 }
      wake()
    }
  }

  /// The block of a slot cannot be decoded.
  func abandon(_ slot: Int) {
    locked {
      places[blocks[slot]] = 0
      blocks[slot] = -1
      holds[slot] -= 1
      stamps[slot] = -1
      wake()
    }
  }

  /// The place of the series where this reader is; -1, before all of them, outside of one.
  private var here: Int { reached[reader] == .max ? -1 : reached[reader] }

  private func hold(_ slot: Int) {
    holds[slot] += 1
    stamps[slot] = max(stamps[slot], here)
    header[Word.clock] += 1
    uses[slot] = header[Word.clock]
  }

  private func take(_ slot: Int, for block: Int, stamp: Int) {
    (blocks[slot], stamps[slot]) = (block, -1)
    places[block] = -Int32(slot + 1)
    hold(slot)
    stamps[slot] = stamp
  }

  /// A slot to decode into: a new one, or that of the block with the least stamp, used longest ago.
  private func vacate(below limit: Int) -> Int? {
    let used = header[Word.used]
    if used < extents.slots {
      header[Word.used] += 1
      return used
    }
    var best: Int?
    for slot in 0..<used where holds[slot] == 0 && stamps[slot] < limit {
      if let found = best, (stamps[found], uses[found]) <= (stamps[slot], uses[slot]) { continue }
      best = slot
    }
    if let best, blocks[best] >= 0 { places[blocks[best]] = 0 }
    return best
  }

  private func wake() {
    if header[Word.waiting] > 0 { pthread_cond_broadcast(condition) }
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }
}

/// Memory that takes pages as they are written.
private final class PrivateMemory {
  private let bytes: HostBuffer<UInt8>
  var base: UnsafeMutableRawPointer { UnsafeMutableRawPointer(bytes.base) }

  init(byteCount: Int) { bytes = HostBuffer(count: byteCount) }
}
