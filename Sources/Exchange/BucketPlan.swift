import Parameters

/// Which blocks travel together, and which rank adds up and owns each of them.
///
/// A bucket is a run of whole blocks, none of which lies in a sharded table; buckets are numbered from the end of the canonical order, since a
/// backward pass finishes the last layers first. Each bucket is shared among the nodes by their ranks,
/// and each node's part evenly among that node's ranks, who *own* it: they alone update it. On every
/// other node the same part is shared evenly among the ranks there, who *reduce* it: they add up what
/// their node computed and pass it on. On its own node the owner is the reducer. So all ranks have work
/// in every bucket, whatever the nodes look like, and where sums travel as they are nothing here decides a
/// bit of the result.
public struct BucketPlan: Sendable {
  /// The slots.
  public let layout: ParameterLayout
  /// The ranks.
  public let topology: Topology
  /// The blocks of each bucket, in the order in which buckets are reduced.
  public let buckets: [Range<Int>]
  /// The upper bound of a bucket that was asked for.
  public let bucketBytes: Int

  /// Cuts a layout into buckets.
  ///
  /// - Parameters:
  ///   - layout: the slots; at least one scalar.
  ///   - topology: the ranks.
  ///   - bucketBytes: the upper bound of a bucket, as Float32; at least one block is taken.
  public init(layout: ParameterLayout, topology: Topology, bucketBytes: Int) {
    self.layout = layout
    self.topology = topology
    self.bucketBytes = bucketBytes
    let blockBytes = ParameterLayout.blockSize * MemoryLayout<Float>.stride
    let most = max(1, bucketBytes / blockBytes)
    let runs = layout.residentBlocks
    // A step has at least one bucket, if all there is are sharded tables.
    buckets = (runs.isEmpty ? [0..<0] : runs).reversed().flatMap { run in
      let count = max(1, (run.count + most - 1) / most)
      return (0..<count).reversed().map { run.part($0, of: count) }
    }
  }

  /// The blocks of a bucket that the ranks of a node own together.
  public func part(ofNode node: Int, in bucket: Int) -> Range<Int> {
    let blocks = buckets[bucket]
    let places = topology.places(ofNode: node)
    let size = topology.size
    let start = blocks.lowerBound
    return start + places.lowerBound * blocks.count / size..<start + places.upperBound
      * blocks.count / size
  }

  /// The blocks of a bucket that a rank owns.
  public func owned(by seat: Topology.Seat, in bucket: Int) -> Range<Int> {
    reduced(by: seat, forNode: seat.node, in: bucket)
  }

  /// The blocks of a bucket that a rank adds up on its node for the owners on `owner`.
  ///
  /// For the rank's own node that is what it owns.
  public func reduced(
    by seat: Topology.Seat, forNode owner: Int, in bucket: Int
  ) -> Range<Int> {
    part(ofNode: owner, in: bucket).part(seat.localRank, of: topology.localSize(seat.node))
  }

  /// All blocks that a rank owns.
  public func owned(by seat: Topology.Seat) -> BlockSet {
    BlockSet(buckets.indices.map { owned(by: seat, in: $0) }, of: layout)
  }

  /// How many buckets, from the first to be reduced on, lie whole at or after a canonical place.
  func bucketCount(from offset: Int) -> Int {
    var low = 0
    var high = buckets.count
    while low < high {
      let middle = (low + high) / 2
      if layout.range(ofBlocks: buckets[middle]).lowerBound >= offset {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}
