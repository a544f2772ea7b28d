import Buffers
import Glibc
import Tensors

/// A product of experts: `log p(y) = Σ_m log softmax(x_m)_y − (k − 1) log prior_y` over the k modalities
/// that a sample has.
///
/// Exact where modalities are independent given the class. Without any modality it is the prior.
final class LateProductLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  private let columns: FusionColumns
  private let size: Int
  private let logPrior: HostBuffer<Float>
  /// Each expert's probabilities, `[M, n, Y]`.
  private let probabilities: Region
  private var outputGradient = Place.slab(0)
  private var inputGradient: Place?

  /// A product over the parts of a join's rows, each of as many classes as `prior` has.
  init(
    input: Value, output: Value, columns: FusionColumns, prior: [Double], probabilities: Region
  ) {
    self.input = input
    self.output = output
    self.columns = columns
    self.probabilities = probabilities
    size = output.unitCount
    logPrior = HostBuffer(count: prior.count)
    for (index, value) in prior.enumerated() { logPrior[index] = Float(log(value)) }
  }

  func forward(_ pass: Pass) {
    let count = pass.samples * size
    for (index, part) in columns.parts.enumerated() {
      columns.copy(
        part, samples: pass.samples, from: pass.floats(input.place), to: pass.scratch)
      Kernels.softmax(
        samples: pass.samples, classes: size, logits: pass.scratch,
        probabilities: pass.floats(probabilities) + index * count)
    }
    for sample in 0..<pass.samples { multiply(sample, pass) }
  }

  private func multiply(_ sample: Int, _ pass: Pass) {
    let x = pass.floats(input.place) + sample * columns.width
    let z = pass.floats(output.place) + sample * size
    for place in 0..<size { z[place] = logPrior[place] }
    for (index, part) in columns.parts.enumerated() where part.isPresent(sample, pass) {
      let own = x + part.column
      let p = pass.floats(probabilities) + (index * pass.samples + sample) * size
      var best = 0
      for place in 1..<size where own[place] > own[best] { best = place }
      // The largest probability is at least 1 / Y, so its logarithm is exact enough for all.
      let normalizer = own[best] - Float(log(Double(p[best])))
      for place in 0..<size { z[place] += own[place] - normalizer - logPrior[place] }
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
      let dz = pass.floats(outputGradient) + sample * size
      var sum: Float = 0
      for place in 0..<size { sum += dz[place] }
      for (index, part) in columns.parts.enumerated() {
        let dx = pass.floats(inputGradient) + sample * columns.width + part.column
        let p = pass.floats(probabilities) + (index * pass.samples + sample) * size
        for place in 0..<size { dx[place] = dz[place] - p[place] * sum }
      }
    }
  }
}
