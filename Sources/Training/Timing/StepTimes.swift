/// Where the time of one step went on one rank, in nanoseconds.
public struct StepTimes: Sendable, Equatable {
  /// When the step began, on this rank's monotonic clock.
  public var start: Int
  /// Waiting for its own input thread.
  public var input: Int
  /// Forward and backward passes.
  public var compute: Int
  /// Reducing, sending and publishing, waiting for others included.
  public var exchange: Int
  /// Norms and the update of owned parameters.
  public var update: Int

  /// Times from their parts.
  public init(start: Int, input: Int, compute: Int, exchange: Int, update: Int) {
    self.start = start
    self.input = input
    self.compute = compute
    self.exchange = exchange
    self.update = update
  }
}
