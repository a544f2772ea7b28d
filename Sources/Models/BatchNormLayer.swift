import Tensors

/// Normalisation of each channel by the statistics of the microbatch, or by the running ones.
///
/// y = weight · (x − mean) / √(variance + ε) + bias. A following `relu` is applied in the same
/// sweep, and a residual sum where it ends the sum's body. What that relu lets through on the way back is
/// computed again from x.
final class BatchNormLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  var readsOutput: Bool { false }
  /// The statistics are kept.
  var tape: Tape { .none }
  let rows: Extent
  let channels: Int
  let mean, variance: Region
  /// True where the residual that it ends takes the last sweep, and adds its shortcut in it.
  var isJoined = false
  private let settings: Settings
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
    rows = input.rows
    channels = input.channels
  }

  func forward(_ pass: Pass) {
    // Every sample of the microbatch may lack the modality: nothing to normalise, nothing to learn.
    guard pass.count(rows) > 0 else { return }
    if pass.training {
      Kernels.batchNormStatistics(
        rows: pass.count(rows), channels: channels, x: pass.floats(input.place),
        mean: pass.floats(mean), variance: pass.floats(variance))
    }
    if !isJoined { apply(pass, relu: settings.relu) }
  }

  func forwardAgain(_ group: Group, needsOutput: Bool) {
    guard needsOutput, !isJoined else { return }
    for pass in group.passes where pass.count(rows) > 0 { apply(pass, relu: settings.relu) }
  }

  /// Normalises by the statistics of the microbatch or the running ones, and adds `added` if there is one.
  func apply(_ pass: Pass, adding added: UnsafePointer<Float>? = nil, relu: Bool) {
    let (mean, variance) =
      pass.training
      ? (UnsafePointer(pass.floats(mean)), UnsafePointer(pass.floats(variance)))
      : (pass.parameters + settings.runningMean, pass.parameters + settings.runningVariance)
    apply(pass, mean: mean, variance: variance, adding: added, relu: relu)
  }

  /// Normalises by the given statistics.
  func apply(
    _ pass: Pass, mean: UnsafePointer<Float>, variance: UnsafePointer<Float>,
    adding added: UnsafePointer<Float>? = nil, relu: Bool? = nil
  ) {
    Kernels.batchNormApply(
      rows: pass.count(rows), channels: channels, x: pass.floats(input.place),
      mean: mean, variance: variance, epsilon: settings.epsilon,
      weight: pass.parameters + settings.weight, bias: pass.parameters + settings.bias,
      adding: added, relu: relu ?? settings.relu, y: pass.floats(output.place))
  }

  /// The bias where the output went through a relu, for the way back.
  private func rectified(_ pass: Pass) -> UnsafePointer<Float>? {
    settings.relu ? pass.parameters + settings.bias : nil
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
    let rows = pass.count(rows)
    guard rows > 0 else {
      Kernels.fill(count: channels, value: 0, output: pass.gradient(settings.weight))
      Kernels.fill(count: channels, value: 0, output: pass.gradient(settings.bias))
      writeStatistics(pass)
      return
    }
    let (mean, variance) = (pass.floats(mean), pass.floats(variance))
    Kernels.batchNormBackward(
      rows: rows, channels: channels, x: pass.floats(input.place), mean: mean,
      variance: variance, epsilon: settings.epsilon,
      weight: pass.parameters + settings.weight, rectified: rectified(pass),
      dy: pass.floats(outputGradient), dx: pass.floats(inputGradient),
      dWeight: pass.gradient(settings.weight), dBias: pass.gradient(settings.bias))
    writeStatistics(pass, mean: mean, variance: variance, ofGroup: rows)
  }

  /// The gradients of weight and bias, and what the microbatch adds to its group's sums.
  func sumGradients(
    _ pass: Pass, mean: UnsafePointer<Float>, variance: UnsafePointer<Float>,
    sums: UnsafeMutablePointer<Double>, products: UnsafeMutablePointer<Double>
  ) {
    Kernels.batchNormGradientSums(
      rows: pass.count(rows), channels: channels, x: pass.floats(input.place),
      mean: mean, variance: variance, epsilon: settings.epsilon,
      weight: pass.parameters + settings.weight, rectified: rectified(pass),
      dy: pass.floats(outputGradient), sums: sums, products: products,
      dWeight: pass.gradient(settings.weight),
      dBias: pass.gradient(settings.bias))
  }

  /// The gradient of the input from the sums of a group of `count` rows.
  func spreadGradients(
    _ pass: Pass, mean: UnsafePointer<Float>, variance: UnsafePointer<Float>,
    ofGroup count: Int, sums: UnsafePointer<Double>, products: UnsafePointer<Double>
  ) {
    Kernels.batchNormInputGradient(
      rows: pass.count(rows), ofGroup: count, channels: channels,
      x: pass.floats(input.place), mean: mean, variance: variance, epsilon: settings.epsilon,
      weight: pass.parameters + settings.weight, rectified: rectified(pass), sums: sums,
      products: products, dy: pass.floats(outputGradient), dx: pass.floats(inputGradient))
  }

  /// Writes n · mean and n · variance for the microbatch's n rows, the variance unbiased where the
  /// `count` rows that it was taken over allow it.
  ///
  /// Where samples differ in their rows, n is counted as if each had one unit: a microbatch weighs in
  /// the running statistics by its samples.
  func writeStatistics(
    _ pass: Pass, mean: UnsafePointer<Float>, variance: UnsafePointer<Float>, ofGroup count: Int
  ) {
    let meanSlot = pass.gradient(settings.runningMean)
    let varianceSlot = pass.gradient(settings.runningVariance)
    let weight = Double(pass.samples * rows.perUnit)
    let own = Float(weight)
    let unbiased = count > 1 ? Float(weight * Double(count) / Double(count - 1)) : own
    for channel in 0..<channels {
      meanSlot[channel] = own * mean[channel]
      varianceSlot[channel] = unbiased * variance[channel]
    }
  }

  /// The same for a microbatch without rows: its share is what the running statistics are already.
  func writeStatistics(_ pass: Pass) {
    writeStatistics(
      pass, mean: pass.parameters + settings.runningMean,
      variance: pass.parameters + settings.runningVariance, ofGroup: 1)
  }
}
