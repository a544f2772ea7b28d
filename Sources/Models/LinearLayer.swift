import Tensors

/// `y = x Wᵀ + b` over the last axis of any shape: `[…, I]` becomes `[…, O]`.
final class LinearLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  var readsOutput: Bool { false }
  var tape: Tape { .none }
  private let rows: Extent
  private let inputs, outputs: Int
  private let weight: Int
  private let bias: Int?
  private let precision: Precision
  private var outputGradient = Place.slab(0)
  private var inputGradient: Place?
  private var sparse: Sparse?
  private let tap: InputTap

  /// The weights without their zeros, and the weights that they were made of.
  private struct Sparse {
    let source: UnsafePointer<Float>
    let matrix: SparseMatrix
    let tile: SparseTile
  }

  /// A linear layer whose slots begin at `weight` and `bias`.
  init(
    input: Value, output: Value, weight: Int, bias: Int?, precision: Precision, tap: InputTap
  ) {
    self.tap = tap
    self.precision = precision
    self.input = input
    self.output = output
    self.weight = weight
    self.bias = bias
    rows = input.rows
    inputs = input.channels
    outputs = output.channels
  }

  /// Scalars of the weights.
  var weightCount: Int { inputs * outputs }

  /// Leaves zeros out from now on, in passes that evaluate with these very parameters.
  ///
  /// - Parameters:
  ///   - parameters: of the whole model; stay as they are.
  ///   - most: the largest share of weights that are not zero for which that is worth it.
  ///   - tile: scratch, made as large as it must be.
  /// - Returns: weights that are not zero; nil where all of them are used, as before.
  func leaveOutZeros(
    of parameters: UnsafePointer<Float>, most: Double, tile: SparseTile
  ) -> Int? {
    sparse = nil
    let count = SparseMatrix.nonzeroCount(parameters + weight, weightCount)
    guard Double(count) <= most * Double(weightCount), inputs <= SparseMatrix.mostColumns else {
      return nil
    }
    tile.reserve(inputs)
    sparse = Sparse(
      source: parameters,
      matrix: SparseMatrix(rows: outputs, columns: inputs, parameters + weight), tile: tile)
    return count
  }

  func forward(_ pass: Pass) {
    defer { tap.show(pass, output) }
    let x = tap.read(pass, input)
    if let sparse, !pass.training, sparse.source == pass.parameters {
      Kernels.sparseForward(
        samples: pass.count(rows), x: x, weight: sparse.matrix,
        bias: bias.map { pass.parameters + $0 }, tile: sparse.tile.base,
        y: pass.floats(output.place))
      return
    }
    Kernels.linearForward(
      precision: precision, samples: pass.count(rows), inputs: inputs, outputs: outputs,
      x: x, weight: pass.parameters + weight,
      bias: bias.map { pass.parameters + $0 }, y: pass.floats(output.place))
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let result = input.requiresGradient ? slabs.acquire(input.count) : nil
    inputGradient = result?.place
    slabs.release(gradient)
    return result
  }

  func backward(_ pass: Pass) {
    let rows = pass.count(self.rows)
    let dy = pass.floats(outputGradient)
    Kernels.linearWeightGradient(
      precision: precision, samples: rows, inputs: inputs, outputs: outputs,
      x: pass.floats(input.place), dy: dy,
      weightGradient: pass.gradient(weight), biasGradient: bias.map { pass.gradient($0) })
    guard let inputGradient else { return }
    Kernels.linearInputGradient(
      precision: precision, samples: rows, inputs: inputs, outputs: outputs, dy: dy,
      weight: pass.parameters + weight,
      dx: pass.floats(inputGradient))
  }
}
