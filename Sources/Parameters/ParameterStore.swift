import Buffers

/// The model's values, flat, in canonical order.
public final class ParameterStore {
  /// What lies where.
  public let layout: ParameterLayout
  /// P scalars; valid as long as the store lives.
  public let base: UnsafeMutablePointer<Float>

  private let memory: HostBuffer<Float>

  /// Allocates zeroed values for every slot of `layout`.
  public init(_ layout: ParameterLayout) {
    self.layout = layout
    memory = HostBuffer(count: layout.count)
    base = memory.base
  }

  /// The values of one slot.
  public subscript(slot: ParameterSlot) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: base + slot.offset, count: slot.count)
  }

  /// All values.
  public var all: UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: base, count: layout.count)
  }
}
