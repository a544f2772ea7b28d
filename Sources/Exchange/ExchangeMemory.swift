import Buffers
import Parameters

/// What the ranks of a node share for the exchange: gradients, and how far each rank is.
///
/// The three counters say when memory may be touched. All of them count pairs of (wave, bucket), or of
/// (step, bucket), since the start; every rank goes through the buckets in the same order.
final class ExchangeMemory {
  /// Per local rank: gradients written, whose weights are not read any more.
  let ready: [SharedCounter]
  /// Per local rank: what this reducer has taken from its neighbours' gradients.
  let drained: [SharedCounter]
  /// Per local rank: new weights in place, in this rank's part.
  let published: [SharedCounter]

  /// Gradients that a rank can have unfinished at the same time.
  let buffersPerRank: Int
  private let gradients: SharedMemory
  private let counters: SharedMemory
  private let stride: Int

  /// Collective on the node.
  ///
  /// - Parameters:
  ///   - node: the ranks.
  ///   - layout: the slots.
  ///   - buffersPerRank: at least 1; with 2 a rank computes while neighbours still read.
  /// - Throws: what `Node.share` throws.
  init(_ node: Node, layout: ParameterLayout, buffersPerRank: Int) throws {
    self.buffersPerRank = buffersPerRank
    let page = 4096
    let (local, size) = (node.seat.localRank, node.local.size)
    let bytes = max(1, layout.count) * MemoryLayout<Float>.stride
    let stride = (bytes + page - 1) / page * page
    self.stride = stride
    let own = stride * buffersPerRank
    gradients = try node.share(
      byteCount: own * size, name: "aimass-gradients",
      claiming: (0..<buffersPerRank).flatMap { buffer in
        let start = own * local + stride * buffer
        return layout.residentBytes(in: start..<start + stride, from: start)
      })
    let lines = SharedCounter.stride
    let counters = try node.share(
      byteCount: 3 * size * lines, name: "aimass-counters",
      claiming: 0..<(local == 0 ? 3 * size * lines : 0))
    self.counters = counters
    func column(_ index: Int) -> [SharedCounter] {
      (0..<size).map { SharedCounter(at: counters.base + (index * size + $0) * lines) }
    }
    (ready, drained, published) = (column(0), column(1), column(2))
  }

  /// The gradient of a local rank in a wave.
  ///
  /// - Parameters:
  ///   - local: the rank that writes it.
  ///   - wave: the wave since the start; waves take the buffers in turn.
  /// - Returns: its first scalar.
  func gradient(of local: Int, inWave wave: Int) -> UnsafeMutablePointer<Float> {
    let place = stride * (local * buffersPerRank + wave % buffersPerRank)
    return (gradients.base + place).assumingMemoryBound(to: Float.self)
  }

  /// The owner of the gradients' memory, for views of it.
  var keeper: AnyObject { gradients }

  /// Bytes of gradients of one rank.
  var gradientBytesPerRank: Int { stride * buffersPerRank }
}

extension [SharedCounter] {
  /// Whether every rank's number has reached `value`.
  func haveReached(_ value: Int) -> Bool { allSatisfy { $0.hasReached(value) } }

  /// The first rank whose number has not reached `value`, or nil.
  func firstBelow(_ value: Int) -> Int? { firstIndex { !$0.hasReached(value) } }
}

extension Exchange {
  /// Gradients of a whole model for which each rank has room.
  ///
  /// - Parameters:
  ///   - ranks: R.
  ///   - local: L, ranks of its node.
  ///   - group: G, the microbatches that a synchronised batch norm spans; 1 without.
  /// - Returns: two for each microbatch that it computes at once, so that it may go on while a neighbour still reads; one
  ///   where it has no neighbour. Members of a group wait together.
  public static func gradientBuffers(ranks: Int, local: Int, group: Int) -> Int {
    min(2, ranks) * ((group + local - 1) / local)
  }
}
