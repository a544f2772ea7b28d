import Buffers
import MPI
@_spi(Exchange) import Parameters

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
/// 4. The optimizer updates owned rows by ``row(_:)``, in ``values``.
///
/// Every rank makes the same calls. In a pass nothing is sent.
///
/// - Cost per step and rank, with U distinct ids of its microbatches and C the sum over microbatches of
///   theirs, rows of D scalars: six collective calls; `8 U + 4 U D` bytes for rows and `8 C + 4 C D` for
///   gradients, less what the rank owns. Memory: its share of the rows, and what is fetched.
public final class ShardedTable {
  /// The table's place in the canonical order.
  public let table: LazyTable
  /// Its place among the layout's sharded tables.
  public let index: Int
  /// The rows of this rank.
  public let owned: Range<Int>
  /// Their scalars, `[owned.count, width]`.
  public let values: UnsafeMutablePointer<Float>
  /// The rows that the last ``reduce(microbatches:)`` found touched among the owned ones, ascending.
  public private(set) var touched: [Int] = []
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
  /// The ids of the last fetch, ascending and distinct, and their rows.
  private var wanted: [Int64] = []
  private var rows: [Float] = []
  /// Each fetched row's number in the contribution that is being added up; -1 for none.
  private var numbers: [Int] = []
  private var contributions: [Contribution] = []
  private var sums: [Float] = []

  /// The gradients of the fetched rows that a microbatch has read.
  private struct Contribution {
    let microbatch: Int
    /// Places in ``wanted``, ascending.
    let places: [Int]
    let values: [Float]
  }

  /// Zeroed rows.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - topology: which of them share a node.
  ///   - table: a sharded table of the layout.
  ///   - index: its place among them.
  public init(_ world: Communicator, _ topology: Topology, _ table: LazyTable, index: Int) {
    self.world = world
    self.table = table
    self.index = index
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
    (rows.count + contributions.reduce(0) { $0 + $1.values.count })
      * MemoryLayout<Float>.stride
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
    contributions.removeAll(keepingCapacity: true)
    numbers = [Int](repeating: -1, count: ids.count)
    let counts = split(ids.count) { Int(ids[$0]) }
    let asked = try exchange(ids, counts: counts)
    var answer: [Float] = []
    answer.reserveCapacity(asked.values.count * table.width)
    for id in asked.values {
      let row = UnsafeBufferPointer(
        start: values + (Int(id) - owned.lowerBound) * table.width, count: table.width)
      answer.append(contentsOf: row)
    }
    rows = try exchange(answer, counts: asked.counts.map { $0 * table.width }).values
  }

  /// Writes a row for each id.
  ///
  /// - Parameters:
  ///   - ids: all of them fetched.
  ///   - output: room for `[ids.count, width]`.
  public func read(_ ids: UnsafeBufferPointer<Int64>, into output: UnsafeMutablePointer<Float>) {
    rows.withUnsafeBufferPointer { rows in
      guard let base = rows.baseAddress else { return }
      for (number, id) in ids.enumerated() {
        (output + number * table.width).update(
          from: base + place(of: id) * table.width, count: table.width)
      }
    }
  }

  /// The place of an id among those fetched.
  private func place(of id: Int64) -> Int {
    var (low, high) = (0, wanted.count)
    while low < high {
      let middle = (low + high) / 2
      if wanted[middle] < id { low = middle + 1 } else { high = middle }
    }
    precondition(low < wanted.count && wanted[low] == id, "row \(id) was not fetched")
    return low
  }

  /// How many of `count` ascending rows each rank owns.
  private func split(_ count: Int, row: (Int) -> Int) -> [Int] {
    var counts = [Int](repeating: 0, count: world.size)
    var owner = 0
    for index in 0..<count {
      while row(index) >= bounds[owner + 1] { owner += 1 }
      counts[owner] += 1
    }
    return counts
  }

  /// Sends a run to each rank and returns those that come.
  private func exchange<Scalar: MPIScalar>(
    _ values: [Scalar], counts: [Int]
  ) throws -> (values: [Scalar], counts: [Int]) {
    let coming = try world.allToAll(counts.map(Int64.init)).map(Int.init)
    var received = [Scalar](repeating: .zero, count: coming.reduce(0, +))
    try values.withUnsafeBufferPointer { sent in
      try received.withUnsafeMutableBufferPointer { room in
        try world.allToAll(sent, counts: counts, into: room, counts: coming)
      }
    }
    for (rank, count) in counts.enumerated() where rank != world.rank && count > 0 {
      let bytes = count * MemoryLayout<Scalar>.stride
      bytesSent += bytes
      messagesSent += 1
      if isOnOtherNode[rank] { bytesSentToNodes += bytes }
    }
    return (received, coming)
  }

  // MARK: Gradients to the owners

  /// Adds up a microbatch's gradient of the rows it read, id by id as they come, from +0.
  ///
  /// - Parameters:
  ///   - ids: what ``read(_:into:)`` was given.
  ///   - gradient: `[ids.count, width]`.
  ///   - microbatch: its number in the step; later calls have larger ones.
  /// - Returns: Σ g² of the rows' sums.
  @discardableResult
  public func add(
    _ ids: UnsafeBufferPointer<Int64>, gradient: UnsafePointer<Float>, microbatch: Int
  ) -> Double {
    let places = ids.map(place)
    let distinct = Set(places).sorted()
    for (number, place) in distinct.enumerated() { numbers[place] = number }
    var values = [Float](repeating: 0, count: distinct.count * table.width)
    for (index, place) in places.enumerated() {
      let (from, to) = (index * table.width, numbers[place] * table.width)
      for column in 0..<table.width { values[to + column] += gradient[from + column] }
    }
    contributions.append(
      Contribution(microbatch: microbatch, places: distinct, values: values))
    return values.reduce(0) { $0 + Double($1) * Double($1) }
  }

  /// Brings all gradients of owned rows here and adds them up; fills ``touched``.
  ///
  /// Collective.
  ///
  /// - Parameter microbatches: V of the step.
  /// - Throws: `MPIError` if a message fails.
  public func reduce(microbatches: Int) throws {
    let (heads, headCounts, values, valueCounts) = packed()
    let received = try exchange(heads, counts: headCounts).values
    let gradients = try exchange(values, counts: valueCounts).values
    var leaves = [RowSum](repeating: RowSum(), count: microbatches)
    var (next, scalar) = (0, 0)
    while next < received.count {
      let (microbatch, count) = (Int(received[next]), Int(received[next + 1]))
      next += 2
      leaves[microbatch] = RowSum(
        rows: received[next..<next + count].map(Int.init),
        values: Array(gradients[scalar..<scalar + count * table.width]))
      next += count
      scalar += count * table.width
    }
    let sum = RowSum.tree(leaves[...], width: table.width)
    (touched, sums) = (sum.rows, sum.values)
    contributions.removeAll(keepingCapacity: true)
  }

  /// What goes to each rank: per contribution its microbatch, the number of rows and their ids; and the
  /// rows' gradients.
  private func packed() -> (
    heads: [Int64], headCounts: [Int], values: [Float], valueCounts: [Int]
  ) {
    var (heads, values) = ([Int64](), [Float]())
    var (headCounts, valueCounts) = ([Int](), [Int]())
    var starts = [Int](repeating: 0, count: contributions.count)
    for rank in 0..<world.size {
      let (oldHeads, oldValues) = (heads.count, values.count)
      for (number, part) in contributions.enumerated() {
        let first = starts[number]
        var end = first
        while end < part.places.count, wanted[part.places[end]] < Int64(bounds[rank + 1]) {
          end += 1
        }
        starts[number] = end
        guard end > first else { continue }
        heads += [Int64(part.microbatch), Int64(end - first)]
        heads += part.places[first..<end].map { wanted[$0] }
        values += part.values[first * table.width..<end * table.width]
      }
      headCounts.append(heads.count - oldHeads)
      valueCounts.append(values.count - oldValues)
    }
    return (heads, headCounts, values, valueCounts)
  }

  /// Visits the global gradient of every touched row that this rank owns, in ascending order; valid until
  /// the next step.
  public func forEachRow(_ body: (GlobalGradients.Row) throws -> Void) rethrows {
    try sums.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      for (number, row) in touched.enumerated() {
        try body(
          GlobalGradients.Row(table: index, row: row, values: base + number * table.width))
      }
    }
  }
}
