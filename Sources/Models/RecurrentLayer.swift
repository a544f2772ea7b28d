import Tensors

/// Recurrent layers on top of each other, each in one direction or in both, over packed sequences.
///
/// Every sample begins with a state of zeros, or with one that is carried. Outputs of two directions lie side by side, the forward
/// one first, as in PyTorch.
final class RecurrentLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  private let levels: [Level]
  private let axis: Int
  /// Room for the order of samples.
  private let order: Region
  private let dropout: Float
  /// H, or 2 H.
  private let width: Int
  private var outputGradients: [Place] = []
  private var inputGradient: Place?

  /// One layer of the stack.
  struct Level {
    let cells: [Cell]
    /// Scalars of its output.
    let scalars: Extent
    let output: Place
    /// What the next layer reads in training where something is dropped between.
    let dropped: Place?
    /// Keys dropout.
    let path: UInt32
  }

  /// One direction of one layer: where its slots begin and its tape lies.
  struct Cell {
    let recurrence: Recurrence
    let inputWeight, hiddenWeight, inputBias, hiddenBias: Int
    let gates, inner: Region
    /// Where its state begins in a carried row; nil where nothing is carried.
    let carried: Int?
  }

  /// A stack over the sequence `input`, whose highest level writes `output`.
  init(input: Value, output: Value, axis: Int, levels: [Level], order: Region, dropout: Double) {
    self.input = input
    self.output = output
    self.axis = axis
    self.levels = levels
    self.order = order
    self.dropout = Float(dropout)
    width = output.unitCount
  }

  func forward(_ pass: Pass) {
    var x = pass.floats(input.place)
    for level in levels {
      let y = pass.floats(level.output)
      for (side, cell) in level.cells.enumerated() {
        let hidden = cell.recurrence.hidden
        cell.recurrence.forward(
          samples(pass, side), x: x, parameters: cell.parameters(pass),
          initial: cell.state(pass, pass.carried?.before), tape: cell.tape(pass),
          output: y + side * hidden, outputStride: width,
          final: cell.state(pass, pass.carried?.after), scratch: pass.scratch)
      }
      x = y
      guard let dropped = level.dropped, pass.training else { continue }
      x = pass.floats(dropped)
      pass.drop(level.scalars, rate: dropout, path: level.path, from: y, to: x)
    }
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    var current = gradient
    outputGradients = [gradient.place]
    for _ in levels.dropLast() {
      let lower = slabs.acquire(output.count)
      slabs.release(current)
      current = lower
      outputGradients.insert(lower.place, at: 0)
    }
    let result = input.requiresGradient ? slabs.acquire(input.count) : nil
    inputGradient = result?.place
    slabs.release(current)
    return result
  }

  func backward(_ pass: Pass) {
    for index in levels.indices.reversed() {
      let level = levels[index]
      let below = index > 0 ? levels[index - 1] : nil
      let x = pass.floats(below.map { $0.dropped ?? $0.output } ?? input.place)
      let dx = (index > 0 ? outputGradients[index - 1] : inputGradient).map { pass.floats($0) }
      let (y, dy) = (pass.floats(level.output), pass.floats(outputGradients[index]))
      for (side, cell) in level.cells.enumerated() {
        let hidden = cell.recurrence.hidden
        cell.recurrence.backward(
          samples(pass, side), x: x, parameters: cell.parameters(pass),
          initial: cell.state(pass, pass.carried?.before), tape: cell.tape(pass),
          output: y + side * hidden, outputGradient: dy + side * hidden, outputStride: width,
          gradients: cell.gradients(pass), inputGradient: dx, addingToInput: side > 0,
          scratch: pass.scratch)
      }
      guard let below, below.dropped != nil, let dx else { continue }
      pass.drop(below.scalars, rate: dropout, path: below.path, from: dx, to: dx)
    }
  }

  /// The samples, longest first, in one direction.
  private func samples(_ pass: Pass, _ side: Int) -> SequenceOrder {
    SequenceOrder(
      samples: pass.samples, offsets: pass.offsets(axis), reversed: side == 1,
      memory: (pass.memory + order.offset).assumingMemoryBound(to: Int.self))
  }
}

extension RecurrentLayer.Cell {
  fileprivate func parameters(_ pass: Pass) -> Recurrence.Parameters {
    Recurrence.Parameters(
      input: pass.parameters + inputWeight, hidden: pass.parameters + hiddenWeight,
      inputBias: pass.parameters + inputBias, hiddenBias: pass.parameters + hiddenBias)
  }

  fileprivate func gradients(_ pass: Pass) -> Recurrence.Gradients {
    Recurrence.Gradients(
      input: pass.gradient(inputWeight), hidden: pass.gradient(hiddenWeight),
      inputBias: pass.gradient(inputBias), hiddenBias: pass.gradient(hiddenBias))
  }

  /// Its states among the carried rows of all samples.
  fileprivate func state(
    _ pass: Pass, _ rows: UnsafeMutablePointer<Float>?
  ) -> Recurrence.State? {
    guard let rows, let carried else { return nil }
    let hidden = rows + carried
    return Recurrence.State(
      hidden: hidden, cell: recurrence.cell == .lstm ? hidden + recurrence.hidden : nil,
      stride: pass.carriedWidth)
  }

  fileprivate func tape(_ pass: Pass) -> Recurrence.Tape {
    Recurrence.Tape(gates: pass.floats(gates), inner: pass.floats(inner))
  }
}
