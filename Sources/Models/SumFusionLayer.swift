import Tensors

/// The sum of all modalities' outputs, or their mean over those that a sample has.
///
/// Where substitutes are learned they count as the modality itself.
final class SumFusionLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  private let columns: FusionColumns
  private let isMean: Bool
  private let countsAll: Bool
  private let size: Int
  private var outputGradient = Place.slab(0)
  private var inputGradient: Place?

  /// A sum over the parts of a join's rows, which are of one width.
  init(input: Value, output: Value, columns: FusionColumns, isMean: Bool, countsAll: Bool) {
    self.input = input
    self.output = output
    self.columns = columns
    self.isMean = isMean
    self.countsAll = countsAll
    size = output.unitCount
  }

  func forward(_ pass: Pass) {
    for sample in 0..<pass.samples {
      let x = pass.floats(input.place) + sample * columns.width
      let z = pass.floats(output.place) + sample * size
      z.update(from: x, count: size)
      for part in columns.parts.dropFirst() {
        Kernels.addInto(count: size, source: x + part.column, destination: z)
      }
      let factor = factor(sample, pass)
      for place in 0..<size { z[place] *= factor }
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
      let dx = pass.floats(inputGradient) + sample * columns.width
      let factor = factor(sample, pass)
      for part in columns.parts {
        for place in 0..<size { dx[part.column + place] = factor * dz[place] }
      }
    }
  }

  private func factor(_ sample: Int, _ pass: Pass) -> Float {
    guard isMean else { return 1 }
    if countsAll { return 1 / Float(columns.parts.count) }
    var count = 0
    for part in columns.parts where part.isPresent(sample, pass) { count += 1 }
    return 1 / Float(max(1, count))
  }
}
