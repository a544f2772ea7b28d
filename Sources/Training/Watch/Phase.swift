/// What a rank is doing.
///
/// The order is that of a step, so of two ranks in one step the one with the lower number is behind.
public enum Phase: UInt8, CaseIterable, Sendable, Codable {
  /// Waiting for its own input thread.
  case input
  /// Forward pass and losses.
  case forward
  /// Backward pass.
  case backward
  /// Adding gradients up, and waiting for those of other ranks.
  case reduce
  /// Messages between nodes.
  case wire
  /// Norms and the update of owned parameters.
  case update
  /// Handing on updated weights, and waiting for those of other ranks.
  case publish
  /// Validation.
  case evaluation
  /// Writing a checkpoint.
  case checkpoint
  /// Everything else: start, log, end.
  case other

  /// Its name in tables, files and messages.
  public var name: String { "\(self)" }

  /// Whether a rank that stands still here waits for other ranks.
  public var waitsForOthers: Bool { self == .reduce || self == .wire || self == .publish }

  /// Whether the rank computes gradients, its own work of the step.
  var isPass: Bool { self == .forward || self == .backward }

  /// Whether one piece of work may take minutes without a sign: a shard written to a slow disk, a
  /// dataset opened.
  var mayBeSilent: Bool { self == .evaluation || self == .checkpoint || self == .other }

  /// The name in files.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(name)
  }

  /// A phase by its name.
  public init(from decoder: any Decoder) throws {
    let name = try decoder.singleValueContainer().decode(String.self)
    guard let phase = Phase.allCases.first(where: { $0.name == name }) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "\(name) is no phase"))
    }
    self = phase
  }
}
