/// What the checkpoints of a start cost a rank.
public struct CheckpointCost: Sendable, Equatable, Codable {
  /// Checkpoints that were written.
  public var written = 0
  /// Bytes that this rank copied for them.
  public var copiedBytes = 0
  /// Seconds that training stood still for the copies.
  public var copySeconds = 0.0
  /// Seconds that training waited for one that was still under way when the next was due, or that had to
  /// exist before the run ended.
  public var waitSeconds = 0.0
  /// Processor seconds of the thread that wrote them.
  public var threadSeconds = 0.0

  /// No checkpoint yet.
  public init() {}

  /// Seconds of the rank's core that checkpoints took.
  var seconds: Double { copySeconds + waitSeconds + threadSeconds }
}
