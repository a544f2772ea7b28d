import CKernels

extension Recurrence {
  /// Runs all samples from their first step to their last.
  ///
  /// One product for `W x` of all rows, then one per step for `U h` of the samples that still run,
  /// with its gates in one pass. Nothing a sample yields depends on how long its neighbours are.
  ///
  /// - Parameters:
  ///   - order: the samples.
  ///   - x: `[rows, I]`, packed.
  ///   - parameters: W, U, b, c.
  ///   - initial: the states to begin with; nil for zeros.
  ///   - tape: receives what ``backward(_:x:parameters:initial:tape:output:outputGradient:outputStride:gradients:inputGradient:addingToInput:scratch:)`` needs.
  ///   - output: receives the state after every row, H floats every `outputStride`.
  ///   - outputStride: H, or more where directions lie side by side.
  ///   - final: receives each sample's last state, of an empty one the initial; may be `initial` where
  ///     no way back follows.
  ///   - scratch: see ``scratchCount(samples:rows:)``.
  ///
  /// Cost: `2 · rows · G · H · (I + H)` floating-point operations.
  public func forward(
    _ order: SequenceOrder, x: ConstantFloats, parameters: Parameters, initial: State? = nil,
    tape: Tape, output: Floats, outputStride: Int, final: State? = nil, scratch: Floats
  ) {
    let parts = Scratch(self, samples: order.samples, scratch)
    let width = gates * hidden
    Kernels.product(
      precision: precision, transposeB: true, rows: order.rows, columns: width, inner: inputs, x,
      inputs,
      parameters.input, inputs, tape.gates, width)
    packForward(parameters.hidden, parts.packed)
    gather(order, initial?.hidden, initial?.stride, parts.state)
    if cell == .lstm { gather(order, initial?.cell, initial?.stride, parts.dense) }
    var running = order.samples
    for step in 0..<order.steps {
      while running > 0, order.length(running - 1) <= step { running -= 1 }
      let native = self.native(order, running: running, step: step, outputStride)
      forwardStep(native, parameters, tape, output, parts)
    }
    guard let final else { return }
    for place in 0..<order.samples {
      let target = order.order[place] * (final.stride ?? hidden)
      (final.hidden + target).update(from: parts.state + place * hidden, count: hidden)
      guard let cells = final.cell else { continue }
      let length = order.length(place)
      let last = order.starts[place] + (length - 1) * order.direction
      let source = length > 0 ? tape.inner + last * hidden : parts.dense + place * hidden
      (cells + target).update(from: source, count: hidden)
    }
  }

  /// U h of the running samples, and their gates.
  private func forwardStep(
    _ native: CKernels_Recurrent, _ parameters: Parameters, _ tape: Tape, _ output: Floats,
    _ parts: Scratch
  ) {
    let (a, b) = (parameters.inputBias, parameters.hiddenBias)
    let first = cell == .originalGRU ? 2 * hidden : gates * hidden
    product(
      native, inner: hidden, columns: first, parts.state, hidden, parts.packed, parts.products)
    switch cell {
    case .lstm:
      splitSamples(native) { step in
        Kernels.table.pointee.lstmForward(
          step, a, b, parts.products, parts.dense, tape.gates, tape.inner, parts.state, output)
      }
    case .gru:
      splitSamples(native) { step in
        Kernels.table.pointee.gruForward(
          step, a, b, parts.products, tape.gates, tape.inner, parts.state, output)
      }
    case .originalGRU:
      splitSamples(native) { step in
        Kernels.table.pointee.gruGates(
          step, a, b, parts.products, parts.state, tape.gates, tape.inner, parts.dense)
      }
      product(
        native, inner: hidden, columns: hidden, parts.dense, hidden,
        parts.packed + Kernels.packedCount(inner: hidden, columns: first), parts.products + first)
      splitSamples(native) { step in
        Kernels.table.pointee.gruState(
          step, a, b, parts.products, tape.gates, parts.state, output)
      }
    }
  }

  /// A product of the running samples' rows with packed columns, into rows of G · H floats.
  private func product(
    _ native: CKernels_Recurrent, inner: Int, columns: Int, _ x: ConstantFloats, _ xStride: Int,
    _ packed: ConstantFloats, _ y: Floats
  ) {
    Kernels.packedProduct(
      precision: precision, rows: Int(native.end), inner: inner, columns: columns, x,
      stride: xStride,
      packed: packed, y, stride: gates * hidden)
  }

  /// Uᵀ in tiles: all gates, or for a reset before the product r and z apart from n.
  private func packForward(_ weight: ConstantFloats, _ packed: Floats) {
    let first = cell == .originalGRU ? 2 * hidden : gates * hidden
    Kernels.packMatrix(
      precision: precision, inner: hidden, columns: first, weight, innerStride: 1,
      columnStride: hidden, into: packed)
    guard cell == .originalGRU else { return }
    Kernels.packMatrix(
      precision: precision, inner: hidden, columns: hidden, weight + first * hidden, innerStride: 1,
      columnStride: hidden, into: packed + Kernels.packedCount(inner: hidden, columns: first))
  }

  /// Cuts the samples of a step among threads; `body` gets the step with some of them.
  func splitSamples(
    _ step: CKernels_Recurrent, _ body: (UnsafePointer<CKernels_Recurrent>) -> Void
  ) {
    let count = Int(step.end)
    Kernels.split(count, work: 4 * count * gates * hidden) { range in
      var part = step
      (part.first, part.end) = (Int64(range.lowerBound), Int64(range.upperBound))
      body(&part)
    }
  }

  /// What the step kernels are told.
  func native(
    _ order: SequenceOrder, running: Int, step: Int, _ outputStride: Int
  ) -> CKernels_Recurrent {
    CKernels_Recurrent(
      first: 0, end: Int64(running), hidden: Int64(hidden), starts: UnsafePointer(order.starts),
      step: Int64(step), direction: Int64(order.direction), outputStride: Int64(outputStride))
  }

  /// States of all samples, longest first; zeros where there are none.
  func gather(_ order: SequenceOrder, _ states: Floats?, _ stride: Int?, _ dense: Floats) {
    guard let states else {
      dense.update(repeating: 0, count: order.samples * hidden)
      return
    }
    for place in 0..<order.samples {
      (dense + place * hidden).update(
        from: states + order.order[place] * (stride ?? hidden), count: hidden)
    }
  }
}
