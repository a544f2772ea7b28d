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

  /// Values that lie in memory of `keeper`, where other ranks of the node see them too.
  ///
  /// - Parameters:
  ///   - layout: the slots.
  ///   - base: P scalars, as they are.
  ///   - keeper: stays alive as long as the store.
  public init(
    _ layout: ParameterLayout, viewing base: UnsafeMutablePointer<Float>, keeper: AnyObject
  ) {
    self.layout = layout
    memory = HostBuffer(viewing: base, count: layout.count, keeper: keeper)
    self.base = base
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
