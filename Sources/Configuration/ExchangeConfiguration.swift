/// How the ranks of a job watch over each other; nothing here changes the result's bits.
public struct DistributedConfiguration: Sendable, Equatable {
  /// Seconds without any sign of life after which the watchdog ends the job; default 120, 0 for never.
  public var watchdogSeconds: Int
  /// Steps between two checks of weights and optimizer state for bits that changed by themselves.
  ///
  /// Default 100, 0 for never.
  public var checkEvery: Int
}

/// How gradients travel; of this only ``Wire`` changes the result's bits.
public struct ExchangeConfiguration: Sendable, Equatable {
  /// Upper bound of one bucket in MiB (2²⁰ bytes); nil: measured at the start.
  public var bucketMiB: Double?
  /// Who shares the weights; default `node`.
  public var copies: Copies

  /// Who moves messages while a rank computes; default `auto`.
  public var progress: Progress

  /// Who moves messages while a rank computes.
  public enum Progress: String, Sendable, CaseIterable {
    /// A thread where there are several nodes and a core is spare, else the rank between layers.
    case auto
    /// A thread of its own.
    case thread
    /// The rank itself, between layers.
    case layers
  }

  /// In what form gradients travel between nodes; default `float32`.
  public var wire: Wire

  /// The forms in which gradients travel between nodes.
  public enum Wire: Sendable, Equatable {
    /// As they are.
    case float32
    /// Rounded to bfloat16, added in float32.
    case bfloat16
    /// The largest entries only, with error feedback and momentum correction (Lin et al. 2018).
    case topK(density: Double, momentum: Double, warmupSteps: Int)
  }

  /// Who shares a copy of the weights.
  public enum Copies: String, Sendable, CaseIterable {
    /// The ranks of a node, in shared memory.
    case node
    /// Nobody: each rank has its own, as if it were alone on a node.
    case rank
  }
}
