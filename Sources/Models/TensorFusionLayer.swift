import Tensors

/// Tensor fusion (Zadeh and others 2017, section 3.2): `z = [x_1; 1] ⊗ … ⊗ [x_M; 1]`, the last modality's
/// index changing fastest.
///
/// A modality that a sample lacks is `[0; 1]`, so that the products of the others stay.
final class TensorFusionLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  private let columns: FusionColumns
  private let size: Int
  private var outputGradient = Place.slab(0)
  private var inputGradient: Place?

  /// The outer product of the parts of a join's rows.
  init(input: Value, output: Value, columns: FusionColumns) {
    self.input = input
    self.output = output
    self.columns = columns
    size = output.unitCount
  }

  func forward(_ pass: Pass) {
    let indices = columns.parts.indices
    for sample in 0..<pass.samples {
      _ = product(
        indices, pass.floats(input.place) + sample * columns.width,
        into: pass.floats(output.place) + sample * size)
    }
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let result = input.requiresGradient ? slabs.acquire(input.count) : nil
    inputGradient = result?.place
    slabs.release(gradient)
    return result
  }

  func backward(_ pass: Pass) {
    guard let inputGradient else { return }
    for sample in 0..<pass.samples {
      let x = UnsafePointer(pass.floats(input.place)) + sample * columns.width
      let dz = UnsafePointer(pass.floats(outputGradient)) + sample * size
      let dx = pass.floats(inputGradient) + sample * columns.width
      for index in columns.parts.indices { contract(index, x, dz, into: dx, pass.scratch) }
    }
  }

  /// The outer product of some consecutive modalities; returns its size.
  private func product(
    _ indices: Range<Int>, _ x: UnsafePointer<Float>, into result: Floats
  ) -> Int {
    var count = 1
    result[0] = 1
    for index in indices {
      let part = columns.parts[index]
      // From the last to the first, as the result lies where its factor does.
      for place in (0..<count).reversed() {
        let (factor, row) = (result[place], result + place * (part.width + 1))
        for column in 0..<part.width { row[column] = factor * x[part.column + column] }
        row[part.width] = factor
      }
      count *= part.width + 1
    }
    return count
  }

  /// The gradient of one modality's columns: that of z, summed with the other factors.
  private func contract(
    _ index: Int, _ x: UnsafePointer<Float>, _ dz: UnsafePointer<Float>, into dx: Floats,
    _ scratch: Floats
  ) {
    let part = columns.parts[index]
    let left = scratch
    let before = product(0..<index, x, into: left)
    let right = left + before
    let after = product(index + 1..<columns.parts.count, x, into: right)
    for column in 0..<part.width {
      var sum: Float = 0
      for place in 0..<before {
        let row = dz + (place * (part.width + 1) + column) * after
        var inner: Float = 0
        for other in 0..<after { inner += right[other] * row[other] }
        sum += left[place] * inner
      }
      dx[part.column + column] = sum
    }
  }
}
