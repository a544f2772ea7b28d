import Parameters

/// Where a layer reads its input, when it is evaluated: as it is, or through something that watches or changes it; and where
/// its output is shown.
final class InputTap {
  /// The weights that the input meets.
  let weight: ParameterSlot
  /// Gets the input's scalars and gives those that are computed with; nil: the input itself.
  var transform: ((_ values: UnsafePointer<Float>, _ count: Int) -> UnsafePointer<Float>)?

  /// Gets the output's scalars as the layer leaves them; nil: nobody.
  var watch: ((_ values: UnsafePointer<Float>, _ count: Int) -> Void)?

  /// A tap that changes nothing.
  init(_ weight: ParameterSlot) { self.weight = weight }

  /// The scalars that a pass computes with.
  @inline(__always)
  func read(_ pass: Pass, _ input: Value) -> UnsafePointer<Float> {
    let values = UnsafePointer(pass.floats(input.place))
    guard let transform, !pass.training else { return values }
    return transform(values, pass.count(input.scalars))
  }

  /// Shows what came out.
  @inline(__always)
  func show(_ pass: Pass, _ output: Value) {
    guard let watch, !pass.training else { return }
    watch(pass.floats(output.place), pass.count(output.scalars))
  }
}
