import CKernels

extension Recurrence {
  /// The gradients of all parameters and of the input, from those of the output.
  ///
  /// Steps go backwards with one product each; then the gradients of all gates are known, and W's, U's
  /// and x's take one product each over all rows. Parameters' gradients are overwritten, never added
  /// to. Nothing flows into the initial states, which are constants here.
  ///
  /// - Parameters:
  ///   - order: the samples, as on the way there.
  ///   - x: `[rows, I]`.
  ///   - parameters: W, U, b, c.
  ///   - initial: the states that the way there began with; nil for zeros.
  ///   - tape: what the way there left; used up.
  ///   - output: what the way there wrote.
  ///   - outputGradient: dy, in the rows of `output`.
  ///   - outputStride: floats between rows of `output` and dy.
  ///   - gradients: receives dW, dU, db, dc.
  ///   - inputGradient: receives dx `[rows, I]`; nil where nobody needs it.
  ///   - addingToInput: true to add to what is in `inputGradient`, for a second direction.
  ///   - scratch: see ``scratchCount(samples:rows:)``.
  ///
  /// Cost: twice the way there.
  public func backward(
    _ order: SequenceOrder, x: ConstantFloats, parameters: Parameters, initial: State? = nil,
    tape: Tape, output: ConstantFloats, outputGradient: ConstantFloats, outputStride: Int,
    gradients: Gradients, inputGradient: Floats?, addingToInput: Bool = false, scratch: Floats
  ) {
    let parts = Scratch(self, samples: order.samples, scratch)
    let (rows, width) = (order.rows, gates * hidden)
    packBackward(parameters.hidden, parts.packed)
    shift(order, output, outputStride, initial, parts.before)
    parts.state.update(repeating: 0, count: order.samples * hidden)
    parts.through.update(repeating: 0, count: order.samples * hidden)
    if cell == .lstm { gather(order, initial?.cell, initial?.stride, parts.dense) }
    var running = 0
    for step in stride(from: order.steps - 1, through: 0, by: -1) {
      while running < order.samples, order.length(running) > step { running += 1 }
      let native = self.native(order, running: running, step: step, outputStride)
      backwardStep(native, tape, outputGradient, parts)
    }
    hiddenGradients(rows, tape, parts, gradients)
    Kernels.product(
      precision: precision, transposeA: true, rows: width, columns: inputs, inner: rows, tape.gates,
      width, x, inputs,
      gradients.input, inputs)
    guard let inputGradient else { return }
    Kernels.product(
      precision: precision, rows: rows, columns: inputs, inner: width, tape.gates, width,
      parameters.input, inputs,
      adding: addingToInput, inputGradient, inputs)
  }

  /// The gates' gradients of the running samples, and what flows to their states before.
  private func backwardStep(
    _ native: CKernels_Recurrent, _ tape: Tape, _ dy: ConstantFloats, _ parts: Scratch
  ) {
    switch cell {
    case .lstm:
      splitSamples(native) { step in
        Kernels.table.pointee.lstmBackward(
          step, parts.dense, tape.inner, dy, parts.through, parts.state, tape.gates,
          parts.products)
      }
      product(native, inner: 4 * hidden, parts.products, parts.packed, parts.through)
    case .gru:
      splitSamples(native) { step in
        Kernels.table.pointee.gruBackward(
          step, parts.before, dy, parts.through, parts.state, tape.gates, tape.inner,
          parts.products)
      }
      product(native, inner: 3 * hidden, parts.products, parts.packed, parts.through)
    case .originalGRU:
      let second = parts.packed + Kernels.packedCount(inner: 2 * hidden, columns: hidden)
      splitSamples(native) { step in
        Kernels.table.pointee.gruStateGradient(
          step, parts.before, dy, parts.through, parts.state, tape.gates, parts.products)
      }
      product(native, inner: hidden, parts.products + 2 * hidden, second, parts.dense)
      splitSamples(native) { step in
        Kernels.table.pointee.gruGateGradient(
          step, parts.before, parts.dense, parts.state, tape.gates, parts.products)
      }
      product(native, inner: 2 * hidden, parts.products, parts.packed, parts.through)
    }
  }

  /// A product of the running samples' gradients of gates with U, into dense states.
  private func product(
    _ native: CKernels_Recurrent, inner: Int, _ products: ConstantFloats, _ packed: ConstantFloats,
    _ states: Floats
  ) {
    Kernels.packedProduct(
      precision: precision, rows: Int(native.end), inner: inner, columns: hidden, products,
      stride: gates * hidden,
      packed: packed, states, stride: hidden)
  }

  /// U in tiles: all gates, or r and z apart from n.
  private func packBackward(_ weight: ConstantFloats, _ packed: Floats) {
    let first = cell == .originalGRU ? 2 * hidden : gates * hidden
    Kernels.packMatrix(
      precision: precision, inner: first, columns: hidden, weight, innerStride: hidden,
      columnStride: 1, into: packed)
    guard cell == .originalGRU else { return }
    Kernels.packMatrix(
      precision: precision, inner: hidden, columns: hidden, weight + first * hidden,
      innerStride: hidden,
      columnStride: 1, into: packed + Kernels.packedCount(inner: first, columns: hidden))
  }

  /// The state before every row, `[rows, H]`: the output, one step later.
  private func shift(
    _ order: SequenceOrder, _ output: ConstantFloats, _ outputStride: Int, _ initial: State?,
    _ before: Floats
  ) {
    Kernels.split(order.samples, work: 2 * order.rows * hidden) { range in
      for place in range {
        var row = order.starts[place]
        for step in 0..<order.length(place) {
          let target = before + row * hidden
          if step > 0 {
            target.update(from: output + (row - order.direction) * outputStride, count: hidden)
          } else if let initial {
            target.update(
              from: initial.hidden + order.order[place] * (initial.stride ?? hidden), count: hidden)
          } else {
            target.update(repeating: 0, count: hidden)
          }
          row += order.direction
        }
      }
    }
  }

  /// dU and both biases' gradients.
  ///
  /// What U was multiplied with, and the gradient of that product, differ from the
  /// other gates' only for the n of a GRU.
  private func hiddenGradients(
    _ rows: Int, _ tape: Tape, _ parts: Scratch, _ gradients: Gradients
  ) {
    let width = gates * hidden
    let first = cell == .lstm ? width : 2 * hidden
    Kernels.sumRows(rows: rows, width: width, tape.gates, gradients.inputBias)
    gradients.hiddenBias.update(from: gradients.inputBias, count: width)
    Kernels.product(
      precision: precision, transposeA: true, rows: first, columns: hidden, inner: rows, tape.gates,
      width, parts.before,
      hidden, gradients.hidden, hidden)
    let rest = gradients.hidden + first * hidden
    switch cell {
    case .lstm: return
    case .gru:
      Kernels.sumRows(rows: rows, width: hidden, tape.inner, gradients.hiddenBias + first)
      Kernels.product(
        precision: precision, transposeA: true, rows: hidden, columns: hidden, inner: rows,
        tape.inner, hidden,
        parts.before, hidden, rest, hidden)
    case .originalGRU:
      Kernels.product(
        precision: precision, transposeA: true, rows: hidden, columns: hidden, inner: rows,
        tape.gates + first, width,
        tape.inner, hidden, rest, hidden)
    }
  }
}
