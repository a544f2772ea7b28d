/// What the ranks of a preparation tell one another; every call is made by all ranks, in one order.
public protocol PreparationExchange {
  /// Brings every rank's bytes to rank 0.
  ///
  /// - Parameter bytes: this rank's; ranks may differ in length.
  /// - Returns: on rank 0 the bytes of all ranks in rank order, elsewhere nil.
  /// - Throws: whatever the transport throws.
  func gatherBytes(_ bytes: [UInt8]) throws -> [[UInt8]]?
  /// Brings rank 0's bytes to every rank.
  ///
  /// - Parameter bytes: what rank 0 says; ignored elsewhere.
  /// - Returns: rank 0's bytes.
  /// - Throws: whatever the transport throws.
  func broadcastBytes(_ bytes: [UInt8]) throws -> [UInt8]
}

/// The exchange of one process with itself.
public struct SoloExchange: PreparationExchange {
  /// The only rank.
  public init() {}

  /// Returns the only rank's bytes.
  public func gatherBytes(_ bytes: [UInt8]) -> [[UInt8]]? { [bytes] }

  /// Returns the only rank's bytes.
  public func broadcastBytes(_ bytes: [UInt8]) -> [UInt8] { bytes }
}
