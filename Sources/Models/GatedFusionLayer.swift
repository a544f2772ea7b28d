import Tensors

/// Gated units of any number of modalities: Arevalo and others 2017, section 3.1.
///
/// `z = Σ g_m ⊙ h_m` with `h_m = tanh(W_m x_m)` and `g = softmax_m(V_m [x_1; …; x_M] + ln p_m)` in each
/// dimension: a modality that a sample lacks (p = 0) has a gate of exactly 0. Where a sample has none,
/// the gates are those of what stands in their place.
final class GatedFusionLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  private let columns: FusionColumns
  private let slots: [Slots]
  private let precision: Precision
  private let size: Int
  /// h and g of each modality, `[M, n, O]`; overwritten by their gradients.
  private let hidden, gates: Region
  private let present: Region
  private var outputGradient = Place.slab(0)
  private var inputGradient: Place?

  /// Where a modality's parameters begin.
  struct Slots {
    /// W, `[O, I_m]`, and V, `[O, Σ I]`.
    let weight, gate: Int
  }

  /// Gates of `size` dimensions over the rows of a join.
  init(
    input: Value, output: Value, columns: FusionColumns, slots: [Slots], hidden: Region,
    gates: Region, present: Region, precision: Precision
  ) {
    self.precision = precision
    self.input = input
    self.output = output
    self.columns = columns
    self.slots = slots
    self.hidden = hidden
    self.gates = gates
    self.present = present
    size = output.unitCount
  }

  func forward(_ pass: Pass) {
    let rows = pass.floats(input.place)
    let count = pass.samples * size
    for (index, part) in columns.parts.enumerated() {
      let h = pass.floats(hidden) + index * count
      columns.copy(part, samples: pass.samples, from: rows, to: pass.scratch)
      Kernels.linearForward(
        precision: precision, samples: pass.samples, inputs: part.width, outputs: size,
        x: pass.scratch,
        weight: pass.parameters + slots[index].weight, bias: nil, y: h)
      Kernels.activate(.tanh, count: count, input: h, output: h)
      Kernels.linearForward(
        precision: precision, samples: pass.samples, inputs: columns.width, outputs: size, x: rows,
        weight: pass.parameters + slots[index].gate, bias: nil,
        y: pass.floats(gates) + index * count)
    }
    for sample in 0..<pass.samples { mix(sample, pass) }
  }

  /// Turns scores into gates, and weighs.
  private func mix(_ sample: Int, _ pass: Pass) {
    let list = pass.integers32(present)
    let count = columns.present(sample, pass, into: list)
    let (scores, weights) = (pass.scratch, pass.scratch + size * count)
    let stride = pass.samples * size
    let g = pass.floats(gates) + sample * size
    let h = pass.floats(hidden) + sample * size
    for place in 0..<count {
      let from = g + Int(list[place]) * stride
      for dimension in 0..<size { scores[dimension * count + place] = from[dimension] }
    }
    Kernels.softmax(samples: size, classes: count, logits: scores, probabilities: weights)
    for index in columns.parts.indices {
      (g + index * stride).update(repeating: 0, count: size)
    }
    let z = pass.floats(output.place) + sample * size
    z.update(repeating: 0, count: size)
    for place in 0..<count {
      let (to, h) = (g + Int(list[place]) * stride, h + Int(list[place]) * stride)
      for dimension in 0..<size {
        let weight = weights[dimension * count + place]
        to[dimension] = weight
        z[dimension] += weight * h[dimension]
      }
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
    let (samples, count) = (pass.samples, pass.samples * size)
    separate(pass)
    let rows = pass.floats(input.place)
    for index in columns.parts.indices.reversed() {
      let part = columns.parts[index]
      let dh = pass.floats(hidden) + index * count
      let da = pass.floats(gates) + index * count
      columns.copy(part, samples: samples, from: rows, to: pass.scratch)
      Kernels.linearWeightGradient(
        precision: precision, samples: samples, inputs: part.width, outputs: size, x: pass.scratch,
        dy: dh,
        weightGradient: pass.gradient(slots[index].weight), biasGradient: nil)
      Kernels.linearWeightGradient(
        precision: precision, samples: samples, inputs: columns.width, outputs: size, x: rows,
        dy: da,
        weightGradient: pass.gradient(slots[index].gate), biasGradient: nil)
    }
    if let inputGradient { propagate(pass, into: pass.floats(inputGradient)) }
  }

  /// The gradients of h before its tanh, and of the gates' scores, in place of h and g.
  private func separate(_ pass: Pass) {
    let count = pass.samples * size
    let (h, g) = (pass.floats(hidden), pass.floats(gates))
    let (dz, z) = (pass.floats(outputGradient), pass.floats(output.place))
    for index in columns.parts.indices {
      let (h, g) = (h + index * count, g + index * count)
      for place in 0..<count {
        let (value, gate) = (h[place], g[place])
        // z is the mean of h under the gates.
        g[place] = gate * dz[place] * (value - z[place])
        h[place] = gate * dz[place] * (1 - value * value)
      }
    }
  }

  private func propagate(_ pass: Pass, into dx: Floats) {
    let (samples, count) = (pass.samples, pass.samples * size)
    dx.update(repeating: 0, count: samples * columns.width)
    for (index, part) in columns.parts.enumerated() {
      Kernels.linearInputGradient(
        precision: precision, samples: samples, inputs: columns.width, outputs: size,
        dy: pass.floats(gates) + index * count, weight: pass.parameters + slots[index].gate,
        dx: pass.scratch)
      Kernels.addInto(count: samples * columns.width, source: pass.scratch, destination: dx)
      Kernels.linearInputGradient(
        precision: precision, samples: samples, inputs: part.width, outputs: size,
        dy: pass.floats(hidden) + index * count, weight: pass.parameters + slots[index].weight,
        dx: pass.scratch)
      columns.add(part, samples: samples, from: pass.scratch, to: dx)
    }
  }
}
