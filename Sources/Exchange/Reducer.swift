import Buffers
import Parameters

/// One rank's additions inside its node: wave by wave it takes its blocks from the gradients of all
/// local ranks and adds them to the partial sums it keeps.
final class Reducer {
  /// A stretch of a bucket that this rank adds up, for the owners on one node.
  struct Part {
    /// Its place in the canonical order.
    let range: Range<Int>
    /// Its place in each of this rank's partial sums.
    let offset: Int
  }

  /// Per bucket and node, what this rank adds up for the owners there.
  let parts: [[Part]]
  /// Scalars of each partial sum.
  let scalarCount: Int
  private var sums: [FloatArray] = []

  init(_ plan: BucketPlan, seat: Topology.Seat) {
    var offset = 0
    parts = plan.buckets.indices.map { bucket in
      plan.topology.nodes.indices.map { node in
        let blocks = plan.reduced(by: seat, forNode: node, in: bucket)
        let range = plan.layout.range(ofBlocks: blocks)
        defer { offset += range.count }
        return Part(range: range, offset: offset)
      }
    }
    scalarCount = offset
  }

  /// Makes room for `count` partial sums; a no-op once the largest step has been seen.
  func reserve(_ count: Int) {
    while sums.count < count { sums.append(FloatArray(scalarCount)) }
  }

  /// Runs a wave's program over this rank's parts of a bucket.
  ///
  /// - Parameters:
  ///   - program: the wave's additions.
  ///   - bucket: which bucket.
  ///   - gradient: the first scalar of a local rank's gradient in this wave.
  func fold(
    _ program: FoldProgram, bucket: Int, gradient: (Int) -> UnsafeMutablePointer<Float>
  ) {
    for part in parts[bucket] where !part.range.isEmpty {
      program.run(count: part.range.count) { operand in
        switch operand {
        case .gradient(let local): gradient(local) + part.range.lowerBound
        case .sum(let index): sums[index].base + part.offset
        case .incoming: preconditionFailure("a wave adds what its own node computed")
        }
      }
    }
  }

  /// The values of a partial sum in one of this rank's parts.
  func values(ofSum index: Int, _ part: Part) -> UnsafeMutablePointer<Float> {
    sums[index].base + part.offset
  }

  /// Bytes of all partial sums kept.
  var memoryBytes: Int { sums.count * scalarCount * MemoryLayout<Float>.stride }
}

/// Floats in an array of arrays, which a `~Copyable` buffer cannot be in.
final class FloatArray {
  private let buffer: HostBuffer<Float>
  /// The first scalar.
  let base: UnsafeMutablePointer<Float>

  init(_ count: Int) {
    buffer = HostBuffer(count: count)
    base = buffer.base
  }
}
