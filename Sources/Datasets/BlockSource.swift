import Buffers
import HDF5
import Synchronization

/// Rows that are decoded a block at a time: compressed ones, those of foreign types, and plain ones that are too
/// many for memory.
///
/// A block is as many rows as a chunk has, or more of them where chunks are tiny. Decoded blocks stay in a
/// ``BlockCache`` as long as there is room.
final class BlockSource: RowSource {
  /// How an order goes through the rows.
  enum Reading {
    /// As they stand in the file.
    case inOrder
    /// Windows of so many runs of consecutive rows, mixed within the window.
    case windows(run: Int, runs: Int)
    /// Any row at any time.
    case anywhere
  }

  let kind: NumberKind
  let rowCount: Int
  let scalarsPerRow: Int
  let location: String
  let rowsPerBlock: Int
  private let rowBytes: Int
  private let decoder: any BlockDecoder
  let memory: InputMemory
  private let share: Double
  private let made = Mutex<BlockCache?>(nil)
  private let counter: ReadCounter

  /// Below this many bytes what a block costs beside its numbers shows.
  private static let leastBlockBytes = 16 << 10
  /// Above this many bytes few blocks would have room.
  private static let mostBlockBytes = 4 << 20

  /// A source of a dataset's rows.
  ///
  /// - Parameters:
  ///   - dataset: the dataset.
  ///   - kind: in which its rows are lent.
  ///   - decoder: brings them.
  ///   - memory: what the input may take.
  ///   - share: the dataset's part of it.
  init(
    _ dataset: HDF5Dataset, _ kind: NumberKind, _ decoder: any BlockDecoder,
    _ memory: InputMemory, share: Double
  ) {
    (self.kind, self.decoder, self.memory, self.share) = (kind, decoder, memory, share)
    rowCount = dataset.rowCount
    scalarsPerRow = dataset.scalarsPerRow
    location = dataset.location
    rowBytes = max(1, dataset.scalarsPerRow * kind.byteCount)
    // Runs of a windowed order begin where chunks of a sample file would: blocks that do too are read once.
    var rows = SampleFileFormat.rowsPerChunk(rows: rowCount, rowBytes: rowBytes)
    if rows > 1, rows * rowBytes > Self.mostBlockBytes { rows = max(1, (1 << 20) / rowBytes) }
    if case .chunked(let chunk, _) = dataset.layout {
      let chunkBytes = max(1, chunk[0]) * rowBytes
      rows = max(1, chunk[0]) * max(1, Self.leastBlockBytes / chunkBytes)
    }
    rowsPerBlock = min(rows, max(1, rowCount))
    counter = ReadCounter(
      storedBytesPerRow: Double(dataset.storedByteCount) / Double(max(1, rowCount)))
  }

  /// The room for blocks.
  private var cache: BlockCache {
    made.withLock {
      if let cache = $0 { return cache }
      let cache = BlockCache(extents(.anywhere, readers: 1))
      $0 = cache
      return cache
    }
  }

  /// How much room there is to be.
  ///
  /// - Parameters:
  ///   - reading: the order.
  ///   - readers: processes that share the room.
  /// - Returns: room for all blocks where there is enough memory; else for two windows, the one that is read and the
  ///   next, or for what is brought ahead.
  func extents(_ reading: Reading, readers: Int) -> BlockCache.Extents {
    let kept = memory.keptBytes(readers: readers, share: share) / slotBytes
    var wanted = kept
    // What is kept whole is decoded once in a run; more than two windows of what is not help nobody.
    if kept < blockCount {
      switch reading {
      case .windows(let run, let runs):
        wanted = min(2 * window(run, runs) + 8, mostWindowBlocks)
      case .inOrder:
        wanted = min(readers * (shared(memory.aheadBytes) / slotBytes + 8), mostWindowBlocks)
      case .anywhere: break
      }
    }
    // Each reader holds one and decodes a few more at once.
    let slots = min(max(wanted, 6 * readers), max(1, blockCount))
    return BlockCache.Extents(
      blocks: blockCount, slots: slots, slotBytes: slotBytes, readers: readers)
  }

  /// Whether each block of an order would be decoded about once.
  func fits(_ reading: Reading, readers: Int) -> Bool {
    switch reading {
    case .inOrder: true
    case .windows(let run, let runs):
      extents(reading, readers: readers).slots >= min(blockCount, window(run, runs) + 8)
    case .anywhere: false
    }
  }

  /// The most blocks that a window of runs touches.
  private func window(_ run: Int, _ runs: Int) -> Int {
    runs * ((run + rowsPerBlock - 1) / rowsPerBlock + 1)
  }

  private var slotBytes: Int { rowsPerBlock * rowBytes }

  private var mostWindowBlocks: Int { shared(memory.windowBytes) / slotBytes }

  /// This dataset's share of some memory.
  private func shared(_ bytes: Int) -> Int { Int(Double(bytes) * share) }

  /// Makes room in this process where what there is would be too little; nobody is reading.
  func makeRoom(_ reading: Reading) {
    made.withLock {
      let wanted = extents(reading, readers: 1)
      guard let cache = $0 else { return $0 = BlockCache(wanted) }
      // What a node shares was made for its order.
      if cache.extents.readers == 1, cache.extents.slots < wanted.slots { $0 = BlockCache(wanted) }
    }
  }

  /// Uses this room from now on; nobody is reading.
  func use(_ cache: BlockCache) { made.withLock { $0 = cache } }

  /// The blocks of the dataset.
  var blockCount: Int { (rowCount + rowsPerBlock - 1) / rowsPerBlock }

  var statistics: ReadStatistics {
    var all = ReadStatistics()
    all.blocks = blockCount
    counter.add(to: &all, rowBytes: rowBytes)
    return all
  }

  func requireWhole() throws(DatasetError) {}

  func withRows(
    _ rows: Range<Int>, _ body: (UnsafeRawPointer, Int) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= rowCount, "\(location): \(rows) of \(rowCount)")
    let cache = cache
    var row = rows.lowerBound
    var slots = InlineArray<64, Int>(repeating: 0)
    while row < rows.upperBound {
      let end = min(rows.upperBound, (row / rowsPerBlock + 1) * rowsPerBlock)
      slots[0] = try fetch(row / rowsPerBlock, cache)
      defer { cache.release(slots, count: 1) }
      try body(
        UnsafeRawPointer(cache.bytes(slots[0]) + row % rowsPerBlock * rowBytes), end - row)
      row = end
    }
    counter.handedOut(rows: rows.count)
  }

  func withEachRow(
    _ rows: UnsafeBufferPointer<Int64>,
    _ body: (Int, UnsafeRawPointer) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    let cache = cache
    var slots = InlineArray<64, Int>(repeating: 0)
    var place = 0
    while place < rows.count {
      var count = cache.hold(rows[place...], rowsPerBlock: rowsPerBlock, &slots)
      if count == 0 {
        slots[0] = try fetch(Int(rows[place]) / rowsPerBlock, cache)
        count = 1
      }
      defer { cache.release(slots, count: count) }
      for index in 0..<count {
        let inner = Int(rows[place + index]) % rowsPerBlock * rowBytes
        try body(place + index, UnsafeRawPointer(cache.bytes(slots[index]) + inner))
      }
      place += count
    }
    counter.handedOut(rows: rows.count)
  }

  /// A slot that holds the block, decoded now if it is nowhere; the caller lets go of it.
  private func fetch(_ block: Int, _ cache: BlockCache) throws(DatasetError) -> Int {
    switch cache.claim(block) {
    case .here(let slot): return slot
    case .toFill(let slot):
      try fill(slot, block, cache, ahead: false)
      return slot
    case .elsewhere, .full: preconditionFailure("\(location): a claim without a slot")
    }
  }

  private func rows(of block: Int) -> Range<Int> {
    block * rowsPerBlock..<min(rowCount, (block + 1) * rowsPerBlock)
  }

  private func fill(
    _ slot: Int, _ block: Int, _ cache: BlockCache, ahead: Bool
  ) throws(DatasetError) {
    do throws(DatasetError) {
      counter.decoded(fileBytes: try decoder.decode(rows(of: block), into: cache.bytes(slot)))
    } catch {
      cache.abandon(slot)
      throw error
    }
    cache.filled(slot, ahead: ahead)
  }

  func isAtHand(_ block: Int) -> Bool { cache.has(block) }

  var isWhole: Bool { cache.isWhole }

  func bring(_ block: Int, stamp: Int) -> Bool {
    let cache = cache
    switch cache.claimAhead(block, stamp: stamp) {
    case .full: return false
    case .here, .elsewhere: return true
    case .toFill(let slot):
      // Whoever needs the block meets the same trouble, and says so.
      try? fill(slot, block, cache, ahead: true)
      return true
    }
  }

  func announce(_ block: Int) { decoder.announce(rows(of: block)) }

  func begin() { cache.begin() }

  func reach(_ stamp: Int) { cache.reach(stamp) }
}
