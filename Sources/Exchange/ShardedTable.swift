import Buffers
import MPI
@_spi(Exchange) import Parameters
import Tensors

/// A table too big for a node: each of its rows lies on one rank, its *owner*, and goes to who needs it.
///
/// Owners have runs of whole row groups, as equal as they can be, in the order of ranks. So the rows that
/// a rank asks for in ascending order come in that order, and a checkpoint holds one run for each rank. The
/// price is that ids sorted by frequency give the first owners more to do. A step:
///
/// 1. ``forget()``, ``want(_:)`` for each coming pass, ``fetch()``: ids go to the owners, rows come back.
/// 2. The passes read by ``read(_:into:stride:)``, and hand in the gradients of what they read by
///    ``add(_:gradient:stride:microbatch:)``.
/// 3. ``reduce(microbatches:)``: the gradients of rows go to the owners, microbatch by microbatch, and are
///    added along ``SummationTree``, a microbatch that did not read a row counting as +0. So the sums have
///    the bits of a table that every node holds whole.
/// 4. The optimizer moves owned rows, in ``values``, by ``sums``.
///
/// Every rank makes the same calls. In a pass nothing is sent.
///
/// - Cost per step and rank, with U distinct ids of its microbatches and C the sum over microbatches of
///   theirs, rows of D scalars: eight collective calls, none on one rank; `8 U + 4 U D` bytes for rows and `8 C + 4 C D` for
///   gradients, less what the rank owns. Memory: its share of the rows, and what is fetched.
public final class ShardedTable {
  /// The table's place in the canonical order.
  public let table: LazyTable
  /// Its place among the layout's sharded tables.
  public let number: Int
  /// The rows of this rank.
  public let owned: Range<Int>
  /// Their scalars, `[owned.count, width]`.
  public let values: UnsafeMutablePointer<Float>
  /// Bytes handed to MPI for other ranks since the start.
  public private(set) var bytesSent = 0
  /// The part of ``bytesSent`` that went to other nodes.
  public private(set) var bytesSentToNodes = 0
  /// Runs handed to MPI for other ranks since the start, empty ones left out.
  public private(set) var messagesSent = 0

  private let memory: HostBuffer<Float>
  private let world: Communicator
  private let bounds: [Int]
  private let isOnOtherNode: [Bool]
  /// What the coming passes read; more than ``runCount`` of them are kept for later steps.
  private var runs: [Run] = []
  private var runCount = 0
  /// The rows of others that runs read, run by run; where they lie among ``fetched``; and each of them once.
  private var foreign = GrowingBuffer<Int64>()
  private var foreignPlaces = GrowingBuffer<Int64>()
  private var wanted = RowGrouping()
  private var fetched = GrowingBuffer<Float>()
  private var contributions: [Contribution] = []
  private var contributedValues = GrowingBuffer<Float>()
  /// What goes to other ranks and comes from them.
  private var sentHeads = GrowingBuffer<Int64>()
  private var sentValues = GrowingBuffer<Float>()
  private var receivedHeads = GrowingBuffer<Int64>()
  private var receivedValues = GrowingBuffer<Float>()
  private var tree = RowTree()
  private var total = RowSum()

  /// The ids of one pass.
  private final class Run {
    let grouping = RowGrouping()
    /// Which of the distinct ones this rank owns.
    var own = 0..<0
    /// The first of the others in ``foreign``.
    var firstForeign = 0
  }

  /// The gradients of the rows that a microbatch has read.
  private struct Contribution {
    let microbatch: Int
    let run: Run
    /// Where its first row lies in ``contributedValues``.
    let offset: Int
    let isFinite: Bool
  }

  /// Zeroed rows.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - topology: which of them share a node.
  ///   - table: a sharded table of the layout.
  ///   - number: its place among them.
  public init(_ world: Communicator, _ topology: Topology, _ table: LazyTable, number: Int) {
    self.world = world
    self.table = table
    self.number = number
    bounds =
      (0..<world.size).map {
        Self.rows(of: table, ofRank: $0, of: world.size).lowerBound
      } + [table.rowCount]
    owned = bounds[world.rank]..<bounds[world.rank + 1]
    memory = HostBuffer(count: owned.count * table.width)
    values = memory.base
    let own = topology.seat(ofRank: world.rank).node
    isOnOtherNode = (0..<world.size).map { topology.seat(ofRank: $0).node != own }
  }

  /// The rows that a rank owns of a table: whole row groups.
  ///
  /// - Parameters:
  ///   - table: a sharded table.
  ///   - rank: in `0 ..< size`.
  ///   - size: R.
  /// - Returns: a run of rows; may be empty.
  public static func rows(of table: LazyTable, ofRank rank: Int, of size: Int) -> Range<Int> {
    let groups = (table.rowCount + table.rowsPerGroup - 1) / table.rowsPerGroup
    let part = (0..<groups).part(rank, of: size)
    return part.lowerBound
      * table.rowsPerGroup..<min(
        part.upperBound * table.rowsPerGroup, table.rowCount)
  }

  /// Bytes of the owned rows.
  public var byteCount: Int { memory.count * MemoryLayout<Float>.stride }

  /// Bytes of fetched rows and of their gradients.
  public var fetchedByteCount: Int {
    (fetched.count + contributedValues.count) * MemoryLayout<Float>.stride
  }

  // MARK: Rows to who needs them

  /// Begins the next step: forgets what passes wanted, read and handed in.
  public func forget() {
    runCount = 0
    contributions.removeAll(keepingCapacity: true)
    contributedValues.removeAll()
    foreign.removeAll()
  }

  /// Takes the ids that one of the coming passes will read, in its order; before ``fetch()``.
  ///
  /// - Parameter ids: those that the table has no row for are left out.
  /// - Cost: sorts them.
  public func want(_ ids: UnsafeBufferPointer<Int64>) {
    if runCount == runs.count { runs.append(Run()) }
    let run = runs[runCount]
    runCount += 1
    run.grouping.group(ids, below: table.rowCount)
    let groups = run.grouping.groups
    run.own = places(of: owned, in: groups)
    run.firstForeign = foreign.count
    for part in [0..<run.own.lowerBound, run.own.upperBound..<groups.count] {
      foreign.append(
        UnsafeBufferPointer(start: groups.rows + part.lowerBound, count: part.count))
    }
  }

  /// Brings the wanted rows here, and sends others theirs.
  ///
  /// Collective.
  ///
  /// - Throws: `MPIError` if a message fails.
  public func fetch() throws {
    guard world.size > 1 else { return }
    wanted.group(foreign.all, below: table.rowCount)
    let groups = wanted.groups
    foreignPlaces.removeAll()
    let places = foreignPlaces.extend(by: foreign.count)
    for row in 0..<groups.count {
      for number in groups.starts[row]..<groups.starts[row + 1] {
        places[Int(groups.places[Int(number)])] = Int64(row)
      }
    }
    // They ascend, and so do the owners'.
    let asked = (0..<world.size).map { rank in
      self.places(of: bounds[rank]..<bounds[rank + 1], in: groups).count
    }
    let coming = try exchange(
      UnsafeBufferPointer(start: groups.rows, count: groups.count), counts: asked,
      into: &receivedHeads)
    sentValues.removeAll()
    Kernels.embeddingForward(
      rows: receivedHeads.count, size: table.width, ids: receivedHeads.base, table: firstRow,
      output: sentValues.extend(by: receivedHeads.count * table.width), stride: table.width)
    try exchange(
      sentValues.all, counts: coming.map { $0 * table.width }, into: &fetched)
  }

  /// Where row 0 would lie if this rank owned it.
  private var firstRow: UnsafeMutablePointer<Float> { values - owned.lowerBound * table.width }

  /// Writes a row for each id.
  ///
  /// - Parameters:
  ///   - ids: what ``want(_:)`` was given for this pass.
  ///   - output: room for a row for each.
  ///   - stride: floats from one of these rows to the next, at least the width.
  public func read(
    _ ids: UnsafeBufferPointer<Int64>, into output: UnsafeMutablePointer<Float>, stride: Int
  ) {
    let run = self.run(of: ids)
    let (groups, own) = (run.grouping.groups, run.own)
    func spread(_ part: RowGroups, from table: UnsafeMutablePointer<Float>) {
      Kernels.spreadRows(
        part, size: self.table.width, table: table, output: output, stride: stride)
    }
    spread(groups[own], from: firstRow)
    guard own.count < groups.count else { return }
    let others = UnsafePointer(foreignPlaces.base + run.firstForeign)
    spread(groups[0..<own.lowerBound, others], from: fetched.base)
    spread(groups[own.upperBound..<groups.count, others + own.lowerBound], from: fetched.base)
  }

  /// The run that wanted these ids.
  private func run(of ids: UnsafeBufferPointer<Int64>) -> Run {
    for run in runs[..<runCount] where run.grouping.isOf(ids) { return run }
    preconditionFailure("\(ids.count) ids of table \(number) were not fetched for a pass")
  }

  /// The places of grouped rows that lie in a range of the table's.
  private func places(of rows: Range<Int>, in groups: RowGroups) -> Range<Int> {
    func first(from bound: Int) -> Int {
      var (low, high) = (0, groups.count)
      while low < high {
        let middle = (low + high) / 2
        if groups.rows[middle] < bound { low = middle + 1 } else { high = middle }
      }
      return low
    }
    return first(from: rows.lowerBound)..<first(from: rows.upperBound)
  }

  /// Sends a run to each rank, none to itself, and takes those that come.
  @discardableResult
  private func exchange<Scalar: MPIScalar & BitwiseCopyable>(
    _ values: UnsafeBufferPointer<Scalar>, counts: [Int],
    into received: inout GrowingBuffer<Scalar>
  ) throws -> [Int] {
    let coming = try world.allToAll(counts.map(Int64.init)).map(Int.init)
    received.removeAll()
    let count = coming.reduce(0, +)
    let room = UnsafeMutableBufferPointer(start: received.extend(by: count), count: count)
    try world.allToAll(values, counts: counts, into: room, counts: coming)
    for (rank, count) in counts.enumerated() where count > 0 {
      let bytes = count * MemoryLayout<Scalar>.stride
      bytesSent += bytes
      messagesSent += 1
      if isOnOtherNode[rank] { bytesSentToNodes += bytes }
    }
    return coming
  }

  // MARK: Gradients to the owners

  /// Adds up a microbatch's gradient of the rows it read, id by id as they come, from +0.
  ///
  /// - Parameters:
  ///   - ids: what ``read(_:into:stride:)`` was given.
  ///   - gradient: a row for each.
  ///   - stride: floats from one of these rows to the next, at least the width.
  ///   - microbatch: its number in the step; later calls have larger ones.
  public func add(
    _ ids: UnsafeBufferPointer<Int64>, gradient: UnsafePointer<Float>, stride: Int,
    microbatch: Int
  ) {
    let run = self.run(of: ids)
    let (groups, offset) = (run.grouping.groups, contributedValues.count)
    let isFinite = Kernels.collectRows(
      groups, size: table.width, values: gradient, stride: stride,
      sums: contributedValues.extend(by: groups.count * table.width))
    contributions.append(
      Contribution(microbatch: microbatch, run: run, offset: offset, isFinite: isFinite))
  }

  /// `Σ g²` of what a microbatch has added.
  ///
  /// - Cost: one look at each scalar.
  public func squaredNorm(ofMicrobatch microbatch: Int) -> Double {
    contributions.reduce(0) { sum, part in
      guard part.microbatch == microbatch else { return sum }
      return sum
        + Kernels.squaredNorm(
          part.run.grouping.groups.count * table.width, contributedValues.base + part.offset)
    }
  }

  /// Whether what a microbatch has added has neither NaN nor infinity.
  public func isFinite(microbatch: Int) -> Bool {
    contributions.allSatisfy { $0.microbatch != microbatch || $0.isFinite }
  }

  /// Brings all gradients of owned rows here and adds them up; fills ``sums``.
  ///
  /// Collective.
  ///
  /// - Parameter microbatches: V of the step.
  /// - Throws: `MPIError` if a message fails.
  public func reduce(microbatches: Int) throws {
    var leaves = [RowSum](repeating: RowSum(), count: microbatches)
    if world.size > 1 { try receive(into: &leaves) }
    for part in contributions where !part.run.own.isEmpty {
      leaves[part.microbatch] = sum(part, part.run.own)
    }
    total = tree.sum(leaves, width: table.width)
  }

  /// A part of a contribution.
  private func sum(_ part: Contribution, _ places: Range<Int>) -> RowSum {
    RowSum(
      rows: UnsafeBufferPointer(
        start: part.run.grouping.groups.rows + places.lowerBound, count: places.count),
      values: contributedValues.base + part.offset + places.lowerBound * table.width)
  }

  /// Sends others what they own of this rank's contributions, and takes those of others as leaves.
  private func receive(into leaves: inout [RowSum]) throws {
    let (headCounts, valueCounts) = pack()
    try exchange(sentHeads.all, counts: headCounts, into: &receivedHeads)
    try exchange(sentValues.all, counts: valueCounts, into: &receivedValues)
    var (next, scalar) = (0, 0)
    while next < receivedHeads.count {
      let head = receivedHeads.base + next
      let (microbatch, count) = (Int(head[0]), Int(head[1]))
      leaves[microbatch] = RowSum(
        rows: UnsafeBufferPointer(start: head + 2, count: count),
        values: receivedValues.base + scalar)
      next += 2 + count
      scalar += count * table.width
    }
  }

  /// What goes to each other rank: per contribution its microbatch, the number of rows and their ids; and the
  /// rows' gradients.
  private func pack() -> (headCounts: [Int], valueCounts: [Int]) {
    sentHeads.removeAll()
    sentValues.removeAll()
    var (headCounts, valueCounts) = ([Int](), [Int]())
    for rank in 0..<world.size {
      let (oldHeads, oldValues) = (sentHeads.count, sentValues.count)
      for part in contributions where rank != world.rank {
        let groups = part.run.grouping.groups
        let places = self.places(of: bounds[rank]..<bounds[rank + 1], in: groups)
        guard !places.isEmpty else { continue }
        let sum = self.sum(part, places)
        sentHeads.append(Int64(part.microbatch))
        sentHeads.append(Int64(places.count))
        sentHeads.append(sum.rows)
        sentValues.append(
          UnsafeBufferPointer(start: sum.values, count: places.count * table.width))
      }
      headCounts.append(sentHeads.count - oldHeads)
      valueCounts.append(sentValues.count - oldValues)
    }
    return (headCounts, valueCounts)
  }

  /// The global gradient of every touched row that this rank owns; valid until the next step.
  public var sums: GlobalGradients.Rows {
    GlobalGradients.Rows(table: number, numbers: total.rows, values: total.values)
  }
}
