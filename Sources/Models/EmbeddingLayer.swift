import Tensors

/// A row of a table for each id: ids `[…]` become `[…, size]`.
final class EmbeddingLayer: JoinableLayer {
  let input: Value
  let output: Value
  var columns: JoinedColumns
  private let ids: Extent
  private let vocabulary, size: Int
  private let weight: Int
  private var outputGradient = Place.slab(0)

  /// An embedding whose table `[vocabulary, size]` begins at `weight`.
  init(input: Value, output: Value, vocabulary: Int, weight: Int) {
    self.input = input
    self.output = output
    self.vocabulary = vocabulary
    self.weight = weight
    ids = input.scalars
    size = output.channels
    columns = JoinedColumns(place: output.place, column: 0, stride: size)
  }

  func forward(_ pass: Pass) {
    Kernels.embeddingForward(
      rows: pass.count(ids), size: size, ids: pass.integers(input.place),
      table: pass.parameters + weight, output: pass.floats(columns.place) + columns.column,
      stride: columns.stride)
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    slabs.release(gradient)
    return nil
  }

  func backward(_ pass: Pass) {
    Kernels.embeddingBackward(
      rows: pass.count(ids), size: size, vocabulary: vocabulary,
      ids: pass.integers(input.place), dy: pass.floats(outputGradient) + columns.column,
      stride: columns.stride, dTable: pass.gradient(weight))
  }
}
