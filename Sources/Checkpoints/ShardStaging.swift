import Buffers

/// A copy of what a rank saves, so that training goes on while it is written.
///
/// The memory is kept: as much again as the rank's own weights and optimizer state, in one piece, so that
/// it can be written in one. Until the copy is written nothing else may be staged.
///
/// - Cost: one pass over what the rank owns.
public final class ShardStaging: @unchecked Sendable {
  // Changed by `reserve` and `copy` only, between two background jobs; read by those.
  private var room = HostBuffer<Float>(count: 0)
  private var taking: BackgroundJob<Void>?

  /// Staging without memory yet.
  public init() {}

  // The thread must be gone before the memory is.
  deinit { taking = nil }

  /// Takes the memory in a thread of its own, so that the first copy costs no more than the others.
  ///
  /// - Parameter count: scalars of all arrays together.
  /// - Cost: a page fault for each 4 KiB, beside the caller.
  public func reserve(_ count: Int) {
    taking = nil
    room = HostBuffer(count: count)
    let base = SendablePointer(room.base)
    taking = BackgroundJob("checkpoint") {
      base.pointer.update(repeating: 0, count: count)
    }
  }

  /// Copies stretches that others keep and change.
  ///
  /// - Parameter arrays: what to save.
  /// - Returns: the same stretches in memory of our own, valid until the next copy.
  public func copy(_ arrays: [ShardArray]) -> [ShardArray] {
    // Its end waits for the thread.
    taking = nil
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

/// Memory that a thread fills before anyone else looks.
private struct SendablePointer: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
  init(_ pointer: UnsafeMutablePointer<Float>) { self.pointer = pointer }
}
