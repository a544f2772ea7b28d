import Exchange

/// What is known of one rank at one moment; a line of a heartbeat file.
public struct RankState: Sendable, Equatable, Codable {
  /// The world rank.
  public var rank: Int
  /// The node's host name.
  public var node: String
  /// The process number there.
  public var process: Int32
  /// What the kernel says about the process.
  public var condition: Condition
  /// The step being computed, from 1; 0 before the first.
  public var step: Int
  /// What the rank is doing.
  public var phase: Phase
  /// The layer by its path and kind, where a pass is in one.
  public var layer: String?
  /// The bucket, from 0, where the exchange works on one.
  public var bucket: Int?
  /// The microbatch, from 0.
  public var microbatch: Int?
  /// The ranks it waits for; empty for all or nobody.
  public var waitsFor: [Int]
  /// Whether it waits for other ranks.
  public var isWaiting: Bool
  /// Seconds without a sign of life: no change of what it does and, unless it waits, no processor time
  /// and no bytes moved.
  public var idleSeconds: Double
  /// Seconds since it last showed a change of what it does, work or not.
  public var stillSeconds: Double

  /// What the kernel says about a process.
  public enum Condition: String, Sendable, Codable {
    /// Running or ready to.
    case running
    /// Waiting for something that may be interrupted.
    case sleeping
    /// Waiting for a device (state D).
    case uninterruptible
    /// Stopped by a signal or a debugger (state T or t).
    case stopped
    /// Not stopped, yet not running: its watchdog is silent too, as in a frozen control group.
    case frozen
    /// Gone without having said so.
    case dead
    /// Left in order.
    case ended

    /// The condition of a process that has not ended in order.
    init(_ status: ProcessStatus?, birth: UInt64) {
      guard let status, birth == 0 || status.birth == birth else {
        self = .dead
        return
      }
      switch status.letter {
      case UInt8(ascii: "Z"), UInt8(ascii: "X"): self = .dead
      case UInt8(ascii: "T"), UInt8(ascii: "t"): self = .stopped
      case UInt8(ascii: "D"): self = .uninterruptible
      case UInt8(ascii: "R"): self = .running
      default: self = .sleeping
      }
    }
  }

  /// A state from its parts.
  public init(
    rank: Int, node: String, process: Int32 = 0, condition: Condition = .running, step: Int,
    phase: Phase, layer: String? = nil, bucket: Int? = nil, microbatch: Int? = nil,
    waitsFor: [Int] = [], isWaiting: Bool = false, idleSeconds: Double = 0,
    stillSeconds: Double? = nil
  ) {
    self.rank = rank
    self.node = node
    self.process = process
    self.condition = condition
    self.step = step
    self.phase = phase
    self.layer = layer
    self.bucket = bucket
    self.microbatch = microbatch
    self.waitsFor = waitsFor
    self.isWaiting = isWaiting || phase.waitsForOthers
    self.idleSeconds = idleSeconds
    self.stillSeconds = stillSeconds ?? idleSeconds
  }

  /// Whether the rank has shown no sign of life for its limit.
  ///
  /// Evaluation, checkpoints, start and end may take ten times as long, unless the process is stopped or
  /// gone.
  ///
  /// - Parameter limit: seconds that a step may stand still.
  /// - Returns: false for a rank that has ended in order.
  func isStuck(_ limit: Double) -> Bool {
    switch condition {
    case .ended: false
    case .dead: true
    case .stopped, .frozen: idleSeconds >= limit
    default: idleSeconds >= (phase.mayBeSilent && !isWaiting ? 10 * limit : limit)
    }
  }

  /// Whether a job of these ranks stands still for good.
  ///
  /// Either no rank shows a sign of life, or one is stopped or gone and no other has moved: those that
  /// wait for it may use their cores meanwhile, inside a collective of some other phase.
  package static func areStuck(_ states: [RankState], _ limit: Double) -> Bool {
    let present = states.filter { $0.condition != .ended }
    if present.allSatisfy({ $0.isStuck(limit) }) { return true }
    let isHeld = present.contains { [.stopped, .frozen, .dead].contains($0.condition) }
    return isHeld && present.allSatisfy { $0.condition == .dead || $0.stillSeconds >= limit }
  }

  /// Step, phase, layer or bucket, and microbatch, as a person reads them.
  var place: String {
    var parts = [step == 0 ? "before the first step" : "step \(step)", phase.name]
    if let layer {
      parts.append("layer \(layer)")
    } else if let bucket {
      parts.append("bucket \(bucket)")
    }
    return parts.joined(separator: ", ")
  }
}
