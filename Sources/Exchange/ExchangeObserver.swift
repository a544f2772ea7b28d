/// Whom a rank waits for inside the exchange.
public enum WaitPeer: Sendable, Equatable {
  /// A rank of this node, by its world rank.
  case rank(Int)
  /// A message of another node, by its number in the topology.
  case node(Int)
  /// All ranks, inside a collective.
  case everyone
}

/// What part of the exchange a rank works on.
public enum ExchangeStage: Sendable, Equatable {
  /// Adding gradients of this node up.
  case reduce
  /// Sending and receiving sums between nodes.
  case wire
  /// Handing updated weights on.
  case publish
}

/// Who is told how the exchange goes; called on the compute thread, a few nanoseconds each.
///
/// This is how a watchdog knows what a rank waits for, and how waiting is told from working.
public protocol ExchangeObserver: AnyObject {
  /// Work on a bucket begins.
  ///
  /// - Parameters:
  ///   - stage: which part of the exchange.
  ///   - bucket: the bucket's number from 0.
  func began(_ stage: ExchangeStage, bucket: Int)

  /// From here the rank can do nothing until `peer` has gone on.
  func waits(for peer: WaitPeer)

  /// The wait is over.
  func wentOn()
}
