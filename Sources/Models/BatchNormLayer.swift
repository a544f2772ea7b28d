import Tensors

/// Normalisation of each channel by the statistics of the microbatch, or by the running ones.
///
/// y = weight · (x − mean) / √(variance + ε) + bias. A following `relu` is applied in the same
/// sweep; its own layer then only turns the gradient back.
final class BatchNormLayer: Layer {
  let input: Value
  let output: Value
  private let settings: Settings
  private let rowsPerSample, channels: Int
  private let mean, variance: Region
  private var outputGradient = Place.slab(0)
  private var inputGradient = Place.slab(0)

  /// Where the slots begin, and the constants.
  struct Settings {
    let weight, bias, runningMean, runningVariance: Int
    let epsilon: Float
    let relu: Bool
  }

  /// A batch norm that keeps its statistics in `mean` and `variance`.
  init(input: Value, output: Value, settings: Settings, mean: Region, variance: Region) {
    self.input = input
    self.output = output
    self.settings = settings
    self.mean = mean
    self.variance = variance
    rowsPerSample = input.positions
    channels = input.channels
  }

  func forward(_ pass: Pass) {
    let rows = pass.samples * rowsPerSample
    let x = UnsafePointer(pass.floats(input.place))
    var mean = pass.parameters + settings.runningMean
    var variance = pass.parameters + settings.runningVariance
    if pass.training {
      Kernels.batchNormStatistics(
        rows: rows, channels: channels, x: x, mean: pass.floats(self.mean),
        variance: pass.floats(self.variance))
      mean = UnsafePointer(pass.floats(self.mean))
      variance = UnsafePointer(pass.floats(self.variance))
    }
    Kernels.batchNormApply(
      rows: rows, channels: channels, x: x, mean: mean, variance: variance,
      epsilon: settings.epsilon, weight: pass.parameters + settings.weight,
      bias: pass.parameters + settings.bias, relu: settings.relu, y: pass.floats(output.place))
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    // The kernel writes dx always, so it gets a place even where nobody reads it.
    let result = gradient.owned ? gradient : slabs.acquire(input.count)
    inputGradient = result.place
    if input.requiresGradient { return result }
    slabs.release(result)
    return nil
  }

  func backward(_ pass: Pass) {
    let rows = pass.samples * rowsPerSample
    Kernels.batchNormBackward(
      rows: rows, channels: channels, x: pass.floats(input.place), mean: pass.floats(mean),
      variance: pass.floats(variance), epsilon: settings.epsilon,
      weight: pass.parameters + settings.weight, dy: pass.floats(outputGradient),
      dx: pass.floats(inputGradient), dWeight: pass.gradient(settings.weight),
      dBias: pass.gradient(settings.bias), scratch: pass.scratch)
    writeStatistics(pass, rows: rows)
  }

  /// Writes n · mean and n · variance, the variance unbiased where n allows it.
  private func writeStatistics(_ pass: Pass, rows: Int) {
    let meanSlot = pass.gradient(settings.runningMean)
    let varianceSlot = pass.gradient(settings.runningVariance)
    let mean = pass.floats(mean)
    let variance = pass.floats(variance)
    let count = Float(rows)
    let unbiased = rows > 1 ? Float(Double(rows) * Double(rows) / Double(rows - 1)) : count
    for channel in 0..<channels {
      meanSlot[channel] = count * mean[channel]
      varianceSlot[channel] = unbiased * variance[channel]
    }
  }
}
