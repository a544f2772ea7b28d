import Parameters
import Tensors

/// Partial sums of one rank's microbatches, folded along the tree as they arrive.
///
/// Gradients are pushed in index order; while the top two entries are siblings in the tree they are
/// added and the freed buffer goes back to the pool. After the last push the entries are exactly
/// ``SummationTree/nodes(covering:of:)`` of the rank's run. Buffers are made on first use and kept.
final class CarryStack {
  /// One partial sum and the node of the tree it belongs to.
  struct Entry {
    var node: Range<Int>
    let buffer: GradientBuffer
  }

  /// A gradient that waits, or room for one.
  final class GradientBuffer {
    var gradients: LocalGradients?
    /// P scalars, valid while the object lives.
    let base: UnsafeMutablePointer<Float>

    init(_ layout: ParameterLayout) {
      let gradients = LocalGradients(layout)
      base = gradients.values.base
      self.gradients = consume gradients
    }
  }

  private let layout: ParameterLayout
  private var free: [GradientBuffer] = []
  private var lent: GradientBuffer?
  private var count = 0
  /// The partial sums, left to right.
  private(set) var entries: [Entry] = []

  init(_ layout: ParameterLayout) {
    self.layout = layout
    entries.reserveCapacity(64)
    free.reserveCapacity(64)
  }

  /// Buffers made so far; each holds P scalars.
  private(set) var bufferCount = 0

  /// Begins a step of `count` microbatches; sums of the last step become room.
  func begin(count: Int) {
    while let entry = entries.popLast() { free.append(entry.buffer) }
    self.count = count
  }

  /// Lends room for one gradient, to be handed back by ``push(_:)``.
  func lend() -> LocalGradients {
    precondition(lent == nil, "the last gradients were not submitted")
    let buffer: GradientBuffer
    if let room = free.popLast() {
      buffer = room
    } else {
      buffer = GradientBuffer(layout)
      bufferCount += 1
    }
    guard let gradients = buffer.gradients.take() else {
      preconditionFailure("a free buffer holds no room")
    }
    lent = buffer
    return gradients
  }

  /// Takes a finished gradient and adds up what the tree now allows.
  func push(_ gradients: consuming LocalGradients) {
    guard let buffer = lent, buffer.base == gradients.values.base else {
      preconditionFailure("gradients must come from this exchange")
    }
    let index = gradients.microbatch
    precondition(
      entries.last.map { $0.node.upperBound == index } ?? true,
      "microbatch \(index) arrived out of order")
    buffer.gradients = consume gradients
    lent = nil
    entries.append(Entry(node: index..<index + 1, buffer: buffer))
    fold()
  }

  private func fold() {
    while entries.count >= 2 {
      let right = entries[entries.count - 1]
      let left = entries[entries.count - 2]
      guard SummationTree.areSiblings(left.node, right.node, of: count) else { return }
      Kernels.addInto(
        count: layout.count, source: right.buffer.base, destination: left.buffer.base)
      entries.removeLast()
      free.append(right.buffer)
      entries[entries.count - 1].node = left.node.lowerBound..<right.node.upperBound
    }
  }
}
