import Tensors

/// Low-rank multimodal fusion: Liu and others 2018, section 3.2.
///
/// `z = Σ_r ⊙_m (W_m^r x_m + b_m^r) + b`: the contraction of all outputs' outer product, each with a 1
/// appended, with a tensor of rank R that is never formed. A modality that a sample lacks gives the
/// factor of `x_m = 0`, so that it leaves the product to the others.
final class LowRankFusionLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  private let columns: FusionColumns
  private let slots: [Slots]
  private let precision: Precision
  private let bias: Int
  private let rank, size: Int
  /// The factors, `[M, n, R · O]`.
  private let factors: Region
  private var outputGradient = Place.slab(0)
  private var factorGradient = Place.slab(0)
  private var inputGradient: Place?

  /// Where the parameters of a modality's factor begin.
  struct Slots {
    /// `[R · O, I_m]` and `[R · O]`.
    let weight, bias: Int
  }

  /// A product of rank `rank` over the rows of a join.
  init(
    input: Value, output: Value, columns: FusionColumns, slots: [Slots], bias: Int, rank: Int,
    factors: Region, precision: Precision
  ) {
    self.precision = precision
    self.input = input
    self.output = output
    self.columns = columns
    self.slots = slots
    self.bias = bias
    self.rank = rank
    self.factors = factors
    size = output.unitCount
  }

  func forward(_ pass: Pass) {
    let width = rank * size
    let count = pass.samples * width
    for (index, part) in columns.parts.enumerated() {
      columns.copy(
        part, samples: pass.samples, from: pass.floats(input.place), to: pass.scratch)
      Kernels.linearForward(
        precision: precision, samples: pass.samples, inputs: part.width, outputs: width,
        x: pass.scratch,
        weight: pass.parameters + slots[index].weight,
        bias: pass.parameters + slots[index].bias, y: pass.floats(factors) + index * count)
    }
    for sample in 0..<pass.samples {
      let z = pass.floats(output.place) + sample * size
      z.update(from: pass.parameters + bias, count: size)
      let factors = pass.floats(factors) + sample * width
      for term in 0..<rank {
        for place in 0..<size {
          var product = factors[term * size + place]
          for index in 1..<columns.parts.count {
            product *= factors[index * count + term * size + place]
          }
          z[place] += product
        }
      }
    }
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let factor = slabs.acquire(rank * size)
    factorGradient = factor.place
    let result = input.requiresGradient ? slabs.acquire(input.count) : nil
    inputGradient = result?.place
    slabs.release(factor)
    slabs.release(gradient)
    return result
  }

  func backward(_ pass: Pass) {
    let (samples, width) = (pass.samples, rank * size)
    if let inputGradient {
      pass.floats(inputGradient).update(repeating: 0, count: samples * columns.width)
    }
    sumRows(pass, into: pass.gradient(bias))
    let df = pass.floats(factorGradient)
    for index in columns.parts.indices.reversed() {
      let part = columns.parts[index]
      differentiate(index, pass, into: df)
      columns.copy(part, samples: samples, from: pass.floats(input.place), to: pass.scratch)
      Kernels.linearWeightGradient(
        precision: precision, samples: samples, inputs: part.width, outputs: width, x: pass.scratch,
        dy: df,
        weightGradient: pass.gradient(slots[index].weight),
        biasGradient: pass.gradient(slots[index].bias))
      guard let inputGradient else { continue }
      Kernels.linearInputGradient(
        precision: precision, samples: samples, inputs: part.width, outputs: width, dy: df,
        weight: pass.parameters + slots[index].weight, dx: pass.scratch)
      columns.add(part, samples: samples, from: pass.scratch, to: pass.floats(inputGradient))
    }
  }

  private func sumRows(_ pass: Pass, into gradient: Floats) {
    let dz = pass.floats(outputGradient)
    gradient.update(repeating: 0, count: size)
    for sample in 0..<pass.samples {
      Kernels.addInto(count: size, source: dz + sample * size, destination: gradient)
    }
  }

  /// The gradient of one modality's factor: that of z times the other factors.
  private func differentiate(_ own: Int, _ pass: Pass, into df: Floats) {
    let width = rank * size
    let count = pass.samples * width
    let dz = pass.floats(outputGradient)
    for sample in 0..<pass.samples {
      let factors = pass.floats(factors) + sample * width
      for place in 0..<width {
        var product = dz[sample * size + place % size]
        for index in columns.parts.indices where index != own {
          product *= factors[index * count + place]
        }
        df[sample * width + place] = product
      }
    }
  }
}
