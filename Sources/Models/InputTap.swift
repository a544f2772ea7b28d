import Parameters

/// Where a layer reads its input, when it is evaluated: as it is, or through something that watches or changes it.
final class InputTap {
  /// The weights that the input meets.
  let weight: ParameterSlot
  /// Gets the input's scalars and gives those that are computed with; nil: the input itself.
  var transform: ((_ values: UnsafePointer<Float>, _ count: Int) -> UnsafePointer<Float>)?

  /// A tap that changes nothing.
  init(_ weight: ParameterSlot) { self.weight = weight }

  /// The scalars that a pass computes with.
  @inline(__always)
  func read(_ pass: Pass, _ input: Value) -> UnsafePointer<Float> {
    let values = UnsafePointer(pass.floats(input.place))
    guard let transform, !pass.training else { return values }
    return transform(values, pass.count(input.scalars))
  }
}
