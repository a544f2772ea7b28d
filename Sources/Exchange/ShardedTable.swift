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
/// 1. ``fetch(_:)``: ids go to the owners, rows come back.
/// 2. The passes read by ``read(_:into:)``, and hand in the gradients of what they read by
///    ``add(_:gradient:microbatch:)``.
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
  /// The ids of the last fetch, ascending and distinct.
  private var wanted: [Int64] = []
  private var found = IdIndex()
  private var foundPlaces = GrowingBuffer<Int64>()
  /// The places in ``wanted`` of the ids whose rows are here anyway.
  private var ownPlaces = 0..<0
  /// The rows of the others.
  private var fetched = GrowingBuffer<Float>()
  /// Each fetched row's number in the contribution that is being added up; -1 for none.
  private var numbers = GrowingBuffer<Int>()
  private var contributions: [Contribution] = []
  private var contributedPlaces = GrowingBuffer<Int>()
  private var contributedValues = GrowingBuffer<Float>()
  /// What came from other ranks, and the rows of this rank's own contributions to what it owns.
  private var receivedHeads = GrowingBuffer<Int64>()
  private var receivedValues = GrowingBuffer<Float>()
  private var ownRows = GrowingBuffer<Int64>()
  private var tree = RowTree()
  private var total = RowSum()

  /// The gradients of the fetched rows that a microbatch has read.
  private struct Contribution {
    let microbatch: Int
    /// Its part of ``contributedPlaces``, places in ``wanted``, ascending; its scalars lie as far behind in
    /// ``contributedValues``.
    let rows: Range<Int>
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

  /// Brings rows here, and sends others theirs.
  ///
  /// Collective.
  ///
  /// - Parameter ids: this rank's, ascending and distinct; may be none.
  /// - Throws: `MPIError` if a message fails.
  public func fetch(_ ids: [Int64]) throws {
    wanted = ids
    found.rebuild(ids)
    numbers.removeAll()
    numbers.extend(by: ids.count).update(repeating: -1, count: ids.count)
    contributions.removeAll(keepingCapacity: true)
    contributedPlaces.removeAll()
    contributedValues.removeAll()
    ownPlaces = places(of: owned, in: 0..<ids.count) { Int(ids[$0]) }
    guard world.size > 1 else { return }
    let (asked, counts) = split(0..<ids.count) { Int(ids[$0]) }
    var questions = GrowingBuffer<Int64>()
    let coming = try exchange(asked.map { ids[$0] }, counts: counts, into: &questions)
    var answer: [Float] = []
    answer.reserveCapacity(questions.count * table.width)
    for id in questions.all {
      answer.append(contentsOf: UnsafeBufferPointer(start: row(Int(id)), count: table.width))
    }
    try exchange(answer, counts: coming.map { $0 * table.width }, into: &fetched)
  }

  /// An owned row.
  private func row(_ number: Int) -> UnsafeMutablePointer<Float> {
    values + (number - owned.lowerBound) * table.width
  }

  /// Writes a row for each id.
  ///
  /// - Parameters:
  ///   - ids: all of them fetched.
  ///   - output: room for `[ids.count, width]`.
  public func read(_ ids: UnsafeBufferPointer<Int64>, into output: UnsafeMutablePointer<Float>) {
    let width = table.width
    if ownPlaces.count == wanted.count, let first = ids.baseAddress, !owned.isEmpty {
      for id in ids { precondition(owned.contains(Int(id)), "row \(id) was not fetched") }
      return Kernels.embeddingForward(
        rows: ids.count, size: width, ids: first, table: row(0), output: output)
    }
    let places = placesOf(ids)
    let (own, others, first) = (ownPlaces, fetched.base, values - owned.lowerBound * width)
    for (number, id) in ids.enumerated() {
      let place = Int(places[number])
      let source =
        own.contains(place)
        ? first + Int(id) * width
        : others + (place < own.lowerBound ? place : place - own.count) * width
      (output + number * width).update(from: source, count: width)
    }
  }

  /// The places of fetched ids, valid until the next call.
  private func placesOf(_ ids: UnsafeBufferPointer<Int64>) -> UnsafeMutablePointer<Int64> {
    foundPlaces.removeAll()
    let places = foundPlaces.extend(by: ids.count)
    found.places(of: ids, into: places)
    return places
  }

  /// The places of ascending rows that lie in a range.
  private func places(
    of rows: Range<Int>, in places: Range<Int>, row: (Int) -> Int
  ) -> Range<Int> {
    func first(from bound: Int) -> Int {
      var (low, high) = (places.lowerBound, places.upperBound)
      while low < high {
        let middle = (low + high) / 2
        if row(middle) < bound { low = middle + 1 } else { high = middle }
      }
      return low
    }
    return first(from: rows.lowerBound)..<first(from: rows.upperBound)
  }

  /// The places of ascending rows that other ranks own, and how many each of them does.
  private func split(
    _ places: Range<Int>, row: (Int) -> Int
  ) -> (others: [Int], counts: [Int]) {
    var (others, counts) = ([Int](), [Int](repeating: 0, count: world.size))
    for rank in 0..<world.size where rank != world.rank {
      let part = self.places(of: bounds[rank]..<bounds[rank + 1], in: places, row: row)
      others += part
      counts[rank] = part.count
    }
    return (others, counts)
  }

  /// Sends a run to each rank, none to itself, and takes those that come.
  @discardableResult
  private func exchange<Scalar: MPIScalar & BitwiseCopyable>(
    _ values: [Scalar], counts: [Int], into received: inout GrowingBuffer<Scalar>
  ) throws -> [Int] {
    let coming = try world.allToAll(counts.map(Int64.init)).map(Int.init)
    received.removeAll()
    let count = coming.reduce(0, +)
    let room = UnsafeMutableBufferPointer(start: received.extend(by: count), count: count)
    try values.withUnsafeBufferPointer {
      try world.allToAll($0, counts: counts, into: room, counts: coming)
    }
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
  ///   - ids: what ``read(_:into:)`` was given.
  ///   - gradient: `[ids.count, width]`.
  ///   - microbatch: its number in the step; later calls have larger ones.
  public func add(
    _ ids: UnsafeBufferPointer<Int64>, gradient: UnsafePointer<Float>, microbatch: Int
  ) {
    let first = contributedPlaces.count
    // The places of the ids; then the numbers of their rows in this contribution.
    let (rowOf, numbers) = (placesOf(ids), self.numbers.base)
    for number in ids.indices { numbers[Int(rowOf[number])] = 0 }
    for place in wanted.indices where numbers[place] == 0 {
      numbers[place] = contributedPlaces.count - first
      contributedPlaces.append(place)
    }
    for number in ids.indices { rowOf[number] = Int64(numbers[Int(rowOf[number])]) }
    let range = first..<contributedPlaces.count
    for place in contributedPlaces.all[range] { numbers[place] = -1 }
    Kernels.embeddingBackward(
      rows: ids.count, size: table.width, vocabulary: range.count, ids: rowOf, dy: gradient,
      dTable: contributedValues.extend(by: range.count * table.width))
    contributions.append(Contribution(microbatch: microbatch, rows: range))
  }

  /// `Σ g²` of what a microbatch has added.
  ///
  /// - Cost: one look at each scalar.
  public func squaredNorm(ofMicrobatch microbatch: Int) -> Double {
    added(in: microbatch).reduce(0) { $0 + Kernels.squaredNorm($1.count, $1.values) }
  }

  /// Whether what a microbatch has added has neither NaN nor infinity.
  ///
  /// - Cost: one look at each scalar.
  public func isFinite(microbatch: Int) -> Bool {
    added(in: microbatch).allSatisfy { Kernels.isFinite($0.count, $0.values) }
  }

  /// Where the scalars of a microbatch lie.
  private func added(in microbatch: Int) -> [(count: Int, values: UnsafePointer<Float>)] {
    contributions.filter { $0.microbatch == microbatch }.map {
      (
        $0.rows.count * table.width,
        UnsafePointer(contributedValues.base + $0.rows.lowerBound * table.width)
      )
    }
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
    ownRows.removeAll()
    _ = ownRows.extend(by: contributedPlaces.count)
    ownRows.removeAll()
    for part in contributions {
      let places = ownPart(of: part)
      guard !places.isEmpty else { continue }
      let start = ownRows.count
      for place in places { ownRows.append(wanted[contributedPlaces.base[place]]) }
      leaves[part.microbatch] = RowSum(
        rows: UnsafeBufferPointer(start: ownRows.base + start, count: places.count),
        values: contributedValues.base + places.lowerBound * table.width)
    }
    total = tree.sum(leaves, width: table.width)
  }

  /// The part of a contribution that this rank owns.
  private func ownPart(of part: Contribution) -> Range<Int> {
    places(of: ownPlaces, in: part.rows) { contributedPlaces.base[$0] }
  }

  /// Sends others what they own of this rank's contributions, and takes those of others as leaves.
  private func receive(into leaves: inout [RowSum]) throws {
    let (heads, headCounts, values, valueCounts) = packed()
    try exchange(heads, counts: headCounts, into: &receivedHeads)
    try exchange(values, counts: valueCounts, into: &receivedValues)
    var (next, scalar) = (0, 0)
    while next < receivedHeads.count {
      let (microbatch, count) = (
        Int(receivedHeads.base[next]), Int(receivedHeads.base[next + 1])
      )
      leaves[microbatch] = RowSum(
        rows: UnsafeBufferPointer(start: receivedHeads.base + next + 2, count: count),
        values: receivedValues.base + scalar)
      next += 2 + count
      scalar += count * table.width
    }
  }

  /// What goes to each other rank: per contribution its microbatch, the number of rows and their ids; and the
  /// rows' gradients.
  private func packed() -> (
    heads: [Int64], headCounts: [Int], values: [Float], valueCounts: [Int]
  ) {
    var (heads, values) = ([Int64](), [Float]())
    var (headCounts, valueCounts) = ([Int](), [Int]())
    for rank in 0..<world.size {
      let (oldHeads, oldValues) = (heads.count, values.count)
      for part in contributions where rank != world.rank {
        let rows = places(of: bounds[rank]..<bounds[rank + 1], in: part.rows) {
          Int(wanted[contributedPlaces.base[$0]])
        }
        guard !rows.isEmpty else { continue }
        heads += [Int64(part.microbatch), Int64(rows.count)]
        heads += rows.map { wanted[contributedPlaces.base[$0]] }
        values += UnsafeBufferPointer(
          start: contributedValues.base + rows.lowerBound * table.width,
          count: rows.count * table.width)
      }
      headCounts.append(heads.count - oldHeads)
      valueCounts.append(values.count - oldValues)
    }
    return (heads, headCounts, values, valueCounts)
  }

  /// The global gradient of every touched row that this rank owns; valid until the next step.
  public var sums: GlobalGradients.Rows {
    GlobalGradients.Rows(table: number, numbers: total.rows, values: total.values)
  }
}
