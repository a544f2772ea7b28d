import Buffers

/// A copy of what a rank saves, so that training goes on while it is written.
///
/// The memory is taken at the first copy and kept: as much again as the rank's own weights and optimizer
/// state. Until the copy is written nothing else may be staged.
///
/// - Cost: one pass over what the rank owns.
public final class ShardStaging: @unchecked Sendable {
  // Written by `copy` only, between two background jobs; read by those.
  private var room = HostBuffer<Float>(count: 0)

  /// Staging without memory yet.
  public init() {}

  /// Copies stretches that others keep and change.
  ///
  /// - Parameter arrays: what to save.
  /// - Returns: the same stretches in memory of our own, valid until the next copy.
  public func copy(_ arrays: [ShardArray]) -> [ShardArray] {
    let count = arrays.reduce(0) { $0 + $1.range.count }
    if room.count < count { room = HostBuffer(count: count) }
    var offset = 0
    return arrays.map { array in
      let base = room.base + offset
      base.update(from: array.base, count: array.range.count)
      offset += array.range.count
      return ShardArray(name: array.name, range: array.range, base: base)
    }
  }
}
