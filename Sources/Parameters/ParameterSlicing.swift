/// How the parameters of a network become those of a smaller one: some indices of some axes stay.
public struct ParameterSlicing: Sendable {
  /// The slots before.
  public let old: ParameterLayout
  /// The slots after, which have the same names in the same order.
  public let new: ParameterLayout
  private let kept: [[[Int]?]]

  /// A slicing, checked slot by slot; nil where the slots after are not what is left of those before.
  ///
  /// - Parameters:
  ///   - old: the slots before.
  ///   - new: the slots after.
  ///   - kept: the indices that stay of each axis of a slot, ascending; nil: all.
  public init?(
    from old: ParameterLayout, to new: ParameterLayout, kept: (ParameterSlot) -> [[Int]?]
  ) {
    guard old.slots.count == new.slots.count else { return nil }
    var all: [[[Int]?]] = []
    for (before, after) in zip(old.slots, new.slots) {
      let axes = kept(before)
      let left = zip(axes, before.shape).map { $0?.count ?? $1 }
      guard before.name == after.name, before.role == after.role, axes.count == before.shape.count,
        left == after.shape
      else { return nil }
      all.append(axes)
    }
    (self.old, self.new, self.kept) = (old, new, all)
  }

  /// Copies what stays of one array in canonical order: parameters, moments, or an average.
  ///
  /// - Parameters:
  ///   - source: as many scalars as the slots before have.
  ///   - target: room for as many as the slots after have; must not overlap `source`.
  public func copy(
    from source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>
  ) {
    for ((before, after), axes) in zip(zip(old.slots, new.slots), kept) {
      var next = target + after.offset
      Self.copy(axes[...], before.shape[...], from: source + before.offset, to: &next)
    }
  }

  /// Copies what stays of a tensor, slowest axis first, and moves `target` behind it.
  private static func copy(
    _ axes: ArraySlice<[Int]?>, _ shape: ArraySlice<Int>, from source: UnsafePointer<Float>,
    to target: inout UnsafeMutablePointer<Float>
  ) {
    guard axes.contains(where: { $0 != nil }), let extent = shape.first, let first = axes.first
    else {
      let count = shape.reduce(1, *)
      target.update(from: source, count: count)
      target += count
      return
    }
    let inner = shape.dropFirst().reduce(1, *)
    for index in first ?? Array(0..<extent) {
      copy(axes.dropFirst(), shape.dropFirst(), from: source + index * inner, to: &target)
    }
  }
}
