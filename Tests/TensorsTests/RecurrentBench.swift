import Tensors

/// Memory for one recurrent layer in one direction over a packed batch; every array ends at a guard.
final class RecurrentBench {
  let layer: Recurrence
  let lengths: [Int]
  let offsets: [Int]
  let input, hidden, inputBias, hiddenBias: GuardedFloats
  let inputGradients, hiddenGradients, inputBiasGradients, hiddenBiasGradients: GuardedFloats
  let gates, inner, scratch: GuardedFloats
  private let memory: UnsafeMutablePointer<Int>
  private let places: UnsafeMutablePointer<Int>

  var samples: Int { lengths.count }
  var rows: Int { offsets[samples] }

  /// A layer with parameters drawn from a seed.
  init(_ layer: Recurrence, lengths: [Int], seed: UInt64 = 1) {
    self.layer = layer
    self.lengths = lengths
    offsets = lengths.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
    let width = layer.gates * layer.hidden
    let total = offsets[lengths.count]
    input = GuardedFloats(random: width * layer.inputs, seed: seed)
    hidden = GuardedFloats(random: width * layer.hidden, seed: seed + 100)
    inputBias = GuardedFloats(random: width, seed: seed + 200)
    hiddenBias = GuardedFloats(random: width, seed: seed + 300)
    inputGradients = GuardedFloats(width * layer.inputs)
    hiddenGradients = GuardedFloats(width * layer.hidden)
    inputBiasGradients = GuardedFloats(width)
    hiddenBiasGradients = GuardedFloats(width)
    gates = GuardedFloats(layer.gateCount(rows: total))
    inner = GuardedFloats(layer.innerCount(rows: total))
    scratch = GuardedFloats(layer.scratchCount(samples: lengths.count, rows: total))
    memory = .allocate(capacity: SequenceOrder.count(samples: lengths.count))
    places = .allocate(capacity: offsets.count)
    places.update(from: offsets, count: offsets.count)
  }

  deinit {
    memory.deallocate()
    places.deallocate()
  }

  func order(reversed: Bool) -> SequenceOrder {
    SequenceOrder(samples: samples, offsets: places, reversed: reversed, memory: memory)
  }

  private var parameters: Recurrence.Parameters {
    Recurrence.Parameters(
      input: input.pointer, hidden: hidden.pointer, inputBias: inputBias.pointer,
      hiddenBias: hiddenBias.pointer)
  }

  func forward(
    _ x: ConstantFloats, reversed: Bool = false, initial: Recurrence.State? = nil, output: Floats,
    stride: Int, final: Recurrence.State? = nil
  ) {
    layer.forward(
      order(reversed: reversed), x: x, parameters: parameters, initial: initial,
      tape: Recurrence.Tape(gates: gates.base, inner: inner.base), output: output,
      outputStride: stride, final: final, scratch: scratch.base)
  }

  func backward(
    _ x: ConstantFloats, reversed: Bool = false, initial: Recurrence.State? = nil,
    output: ConstantFloats, outputGradient: ConstantFloats, stride: Int, inputGradient: Floats?,
    adding: Bool = false
  ) {
    layer.backward(
      order(reversed: reversed), x: x, parameters: parameters, initial: initial,
      tape: Recurrence.Tape(gates: gates.base, inner: inner.base), output: output,
      outputGradient: outputGradient, outputStride: stride,
      gradients: Recurrence.Gradients(
        input: inputGradients.base, hidden: hiddenGradients.base,
        inputBias: inputBiasGradients.base, hiddenBias: hiddenBiasGradients.base),
      inputGradient: inputGradient, addingToInput: adding, scratch: scratch.base)
  }

  /// The parameters, for the slow form.
  var reference: Reference.Recurrent {
    Reference.Recurrent(
      input: input.array.map(Double.init), hidden: hidden.array.map(Double.init),
      inputBias: inputBias.array.map(Double.init), hiddenBias: hiddenBias.array.map(Double.init))
  }
}

/// The largest difference of two arrays, as a part of the second one's largest number.
func relativeDifference(_ found: [Float], _ expected: [Double]) -> Double {
  guard found.count == expected.count, found.allSatisfy(\.isFinite) else { return .infinity }
  let size = expected.reduce(1e-30) { max($0, abs($1)) }
  return zip(found, expected).reduce(0) { max($0, abs(Double($1.0) - $1.1)) } / size
}
