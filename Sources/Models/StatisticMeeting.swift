/// Where the members of a group of microbatches that several ranks compute meet.
///
/// A synchronised batch norm takes its statistics over fixed groups of microbatches. Its members put
/// what they know of their own samples in one row each; a meeting completes the rows of all members.
/// Everything after is the same arithmetic in member order on every rank, so it does not matter who
/// computes which member.
public protocol StatisticMeeting: AnyObject {
  /// Publishes this rank's rows and returns when the rows of all members of the group are there.
  ///
  /// Called on the thread that computes; must not allocate. Every rank with a member makes the same
  /// calls in the same order.
  ///
  /// - Parameters:
  ///   - point: counts the synchronisation points of a pass from 0, in forward order, then in
  ///     backward order; below ``Model/synchronizationPoints``.
  ///   - width: numbers in a row; at most ``Model/largestSynchronizedWidth``, and the same on every
  ///     rank.
  ///   - rows: `[g, width]`, row j of member j. The rows of this rank's members hold their numbers,
  ///     the others anything; on return all hold their member's numbers. The layer may write in it
  ///     afterwards.
  func meet(point: Int, width: Int, rows: UnsafeMutablePointer<Double>)
}
