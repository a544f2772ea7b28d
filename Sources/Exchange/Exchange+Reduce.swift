import Buffers
import MPI
import Parameters
import Tensors

/// Room for the partial sums that arrive for one bucket.
struct Incoming {
  /// The received slices, one after the other.
  private(set) var slices = HostBox(count: 0)
  /// The nodes of a bucket and where their slices lie, left to right; folded in place.
  var entries: [(node: Range<Int>, values: UnsafeMutablePointer<Float>)] = []

  init() { entries.reserveCapacity(256) }

  /// Floats of room.
  var floats: Int { slices.buffer.count }

  /// Makes room for `count` floats; a no-op once the largest step has been seen.
  mutating func reserve(_ count: Int) {
    if slices.buffer.count < count { slices = HostBox(count: count) }
  }

  /// A shared owner of a buffer, so that it can be replaced by a larger one.
  final class HostBox {
    let buffer: HostBuffer<Float>
    init(count: Int) { buffer = HostBuffer(count: count) }
  }
}

/// Who computes and who sends what in a step of V microbatches; made once per V.
struct StepPlan {
  /// V.
  let microbatches: Int
  /// Each rank's microbatches.
  let shares: [Range<Int>]
  /// The partial sums each rank is left with.
  let nodes: [[Range<Int>]]
  /// The partial sums of all ranks.
  let nodeCount: Int

  init(microbatches: Int, ranks: Int) {
    self.microbatches = microbatches
    shares = (0..<ranks).map {
      SummationTree.share(ofRank: $0, of: ranks, count: microbatches)
    }
    nodes = shares.map { SummationTree.nodes(covering: $0, of: microbatches) }
    nodeCount = nodes.reduce(0) { $0 + $1.count }
  }
}

extension Exchange {
  /// Finishes the sum over all microbatches of the step, at the owners.
  ///
  /// Partial sums leave at once, all non-blocking; an owner adds up one bucket at a time. Returns
  /// when this rank's blocks are final and its own buffers may be reused.
  ///
  /// - Throws: `MPIError` if a message fails.
  /// - MPI standard: 3.1, section 3.7 (`MPI_Isend`, `MPI_Irecv`, `MPI_Waitall`).
  public func reduce() throws {
    try startSends()
    var start = ownedRange.lowerBound
    while start < ownedRange.upperBound {
      let bucket = start..<min(ownedRange.upperBound, start + bucketCount)
      try receive(bucket)
      fold(bucket)
      start = bucket.upperBound
    }
    try sends.waitAll()
  }

  /// Sends every other owner its slice of this rank's partial sums, bucket by bucket.
  private func startSends() throws {
    for owner in 0..<world.size where owner != world.rank {
      let blocks = Self.blocks(ofRank: owner, of: world.size, in: layout)
      let range = Self.range(of: blocks, in: layout)
      var start = range.lowerBound
      while start < range.upperBound {
        let end = min(range.upperBound, start + bucketCount)
        for entry in stack.entries {
          let slice = UnsafeBufferPointer(start: entry.buffer.base + start, count: end - start)
          try sends.startSend(slice, to: owner, tag: Self.gradientTag)
        }
        start = end
      }
    }
  }

  /// Receives the partial sums of one bucket from all ranks, in microbatch order.
  private func receive(_ bucket: Range<Int>) throws {
    incoming.entries.removeAll(keepingCapacity: true)
    incoming.reserve(bucket.count * (step.nodeCount - stack.entries.count))
    var room = incoming.slices.buffer.base
    for rank in 0..<world.size {
      if rank == world.rank {
        for entry in stack.entries {
          incoming.entries.append((entry.node, entry.buffer.base + bucket.lowerBound))
        }
        continue
      }
      for node in step.nodes[rank] {
        let slice = UnsafeMutableBufferPointer(start: room, count: bucket.count)
        try receives.startReceive(slice, from: rank, tag: Self.gradientTag)
        incoming.entries.append((node, room))
        room += bucket.count
      }
    }
    try receives.waitAll()
  }

  /// Adds up one bucket along the tree and stores it in the owned gradient.
  private func fold(_ bucket: Range<Int>) {
    var height = 0
    for index in incoming.entries.indices {
      incoming.entries[height] = incoming.entries[index]
      height += 1
      while height >= 2 {
        let left = incoming.entries[height - 2]
        let right = incoming.entries[height - 1]
        guard SummationTree.areSiblings(left.node, right.node, of: step.microbatches) else { break }
        Kernels.addInto(count: bucket.count, source: right.values, destination: left.values)
        height -= 1
        incoming.entries[height - 1].node = left.node.lowerBound..<right.node.upperBound
      }
    }
    precondition(
      height == 1 && incoming.entries[0].node == 0..<step.microbatches,
      "the tree over \(step.microbatches) microbatches is not complete")
    let target = owned.base + (bucket.lowerBound - ownedRange.lowerBound)
    target.update(from: incoming.entries[0].values, count: bucket.count)
  }

  static var gradientTag: Int { 1 }
}
