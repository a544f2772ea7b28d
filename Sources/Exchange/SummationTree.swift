/// The one binary tree over a step's microbatches that every sum of gradients follows.
///
/// The tree on `0 ..< V` splits `[lo, hi)` at `lo` plus the largest power of two below `hi - lo`.
/// Equivalently its nodes are the aligned runs `[k · 2ʲ, min((k + 1) · 2ʲ, V))`. Addition of two
/// floats commutes but does not associate, so the tree alone decides the bits of a sum; which
/// rank computes a microbatch or performs an addition does not.
public enum SummationTree {
  /// The largest nodes of the tree on `0 ..< count` that lie inside `run`, left to right.
  ///
  /// - Parameters:
  ///   - run: consecutive microbatches, within `0 ..< count`.
  ///   - count: V, the microbatches of the step.
  /// - Returns: disjoint nodes that cover `run`, at most `2 · log2(V)` of them.
  public static func nodes(covering run: Range<Int>, of count: Int) -> [Range<Int>] {
    precondition(run.lowerBound >= 0 && run.upperBound <= count, "\(run) is outside 0..<\(count)")
    var nodes: [Range<Int>] = []
    var low = run.lowerBound
    while low < run.upperBound {
      var width = 1
      while low % (2 * width) == 0, fits(low, 2 * width, run.upperBound, count) { width *= 2 }
      let high = min(low + width, count)
      nodes.append(low..<high)
      low = high
    }
    return nodes
  }

  /// Whether the node of `width` at `low`, cut at `count`, ends inside a run up to `high`.
  private static func fits(_ low: Int, _ width: Int, _ high: Int, _ count: Int) -> Bool {
    min(low + width, count) <= high && low + width / 2 < count
  }

  /// Whether two adjacent nodes are the two children of one node.
  ///
  /// - Parameters:
  ///   - left: a node.
  ///   - right: the node that begins where `left` ends.
  ///   - count: V, the microbatches of the step.
  /// - Returns: true if their sum is a node of the tree on `0 ..< count`.
  public static func areSiblings(_ left: Range<Int>, _ right: Range<Int>, of count: Int) -> Bool {
    // A left child is always whole, so its width is the power of two that both children share.
    let width = left.count
    guard left.upperBound == right.lowerBound, width & (width - 1) == 0 else { return false }
    guard left.lowerBound % (2 * width) == 0 else { return false }
    return right.upperBound == min(left.lowerBound + 2 * width, count)
  }
}
