import Tensors

/// A convolution along the steps of packed sequences: zeros lie before and behind each sample.
///
/// Sample by sample, with the direct kernels; a sample without room for one window yields no step.
final class SequenceConvolutionLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  var readsOutput: Bool { false }
  /// Height 1; the width is the longest sample's.
  private let geometry: ConvolutionGeometry
  private let inputAxis, outputAxis: Int
  private let weight: Int
  private let bias: Int?
  private let tap: InputTap
  private var outputGradient = Place.slab(0)
  private var inputGradient: Place?

  /// A convolution whose slots begin at `weight` and `bias`.
  init(
    input: Value, output: Value, inputAxis: Int, outputAxis: Int, geometry: ConvolutionGeometry,
    weight: Int, bias: Int?, tap: InputTap
  ) {
    self.tap = tap
    self.input = input
    self.output = output
    self.inputAxis = inputAxis
    self.outputAxis = outputAxis
    self.geometry = geometry
    self.weight = weight
    self.bias = bias
  }

  /// Scratch in floats: packed weights, or the weight gradient of one sample.
  static func scratchCount(_ geometry: ConvolutionGeometry) -> Int {
    max(
      ConvolutionLayer.scratchCount(geometry), geometry.weightCount + geometry.outChannels)
  }

  func forward(_ pass: Pass) {
    Kernels.packConvolution(geometry, pass.parameters + weight, into: pass.scratch)
    let (x, y) = (tap.read(pass, input), pass.floats(output.place))
    forEachSample(pass) { geometry, from, to in
      Kernels.convolutionForward(
        geometry, samples: 1, x + from, packed: pass.scratch,
        bias: bias.map { pass.parameters + $0 }, y + to)
    }
    tap.show(pass, output)
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let result = input.requiresGradient ? slabs.acquire(input.count) : nil
    inputGradient = result?.place
    slabs.release(gradient)
    return result
  }

  func backward(_ pass: Pass) {
    let (x, dy) = (pass.floats(input.place), pass.floats(outputGradient))
    let weights = pass.gradient(weight)
    let biases = bias.map { pass.gradient($0) }
    Kernels.fill(count: geometry.weightCount, value: 0, output: weights)
    if let biases { Kernels.fill(count: geometry.outChannels, value: 0, output: biases) }
    let ownBiases = pass.scratch + geometry.weightCount
    forEachSample(pass) { geometry, from, to in
      Kernels.convolutionWeightGradient(
        geometry, samples: 1, x + from, dy + to, weightGradient: pass.scratch,
        biasGradient: biases == nil ? nil : ownBiases)
      Kernels.addInto(count: geometry.weightCount, source: pass.scratch, destination: weights)
      if let biases {
        Kernels.addInto(count: geometry.outChannels, source: ownBiases, destination: biases)
      }
    }
    if let inputGradient { spread(pass, dy, into: pass.floats(inputGradient)) }
  }

  /// The gradient of the input.
  private func spread(
    _ pass: Pass, _ dy: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>
  ) {
    // Steps of samples too short for a window take no part in anything.
    Kernels.fill(count: pass.count(input.scalars), value: 0, output: dx)
    Kernels.packConvolutionTransposed(geometry, pass.parameters + weight, into: pass.scratch)
    forEachSample(pass) { geometry, from, to in
      Kernels.convolutionInputGradient(
        geometry, samples: 1, dy + to, packedTransposed: pass.scratch, dx + from)
    }
  }

  /// Calls `body` with each sample that has an output: geometry, and where input and output begin.
  private func forEachSample(_ pass: Pass, _ body: (ConvolutionGeometry, Int, Int) -> Void) {
    let (from, to) = (pass.offsets(inputAxis), pass.offsets(outputAxis))
    for sample in 0..<pass.samples where to[sample + 1] > to[sample] {
      body(
        geometry.resized(width: from[sample + 1] - from[sample]),
        from[sample] * geometry.channels, to[sample] * geometry.outChannels)
    }
  }
}

/// The largest value or the mean of each window along the steps of packed sequences.
final class SequencePoolLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  var readsInput: Bool { false }
  var readsOutput: Bool { false }
  private let geometry: PoolGeometry
  private let inputAxis, outputAxis, channels: Int
  /// Which cell was the largest; nil for the mean.
  private let winners: Region?
  private var outputGradient = Place.slab(0)
  private var inputGradient = Place.slab(0)

  /// A pool of `geometry`, the mean unless there is room for `winners`.
  init(
    input: Value, output: Value, inputAxis: Int, outputAxis: Int, geometry: PoolGeometry,
    winners: Region?
  ) {
    self.input = input
    self.output = output
    self.inputAxis = inputAxis
    self.outputAxis = outputAxis
    self.geometry = geometry
    self.winners = winners
    channels = input.channels
  }

  func forward(_ pass: Pass) {
    let (x, y) = (pass.floats(input.place), pass.floats(output.place))
    forEachSample(pass) { geometry, from, to in
      guard let winners = chosen(pass) else {
        Kernels.averagePoolForward(geometry, samples: 1, x: x + from, y: y + to)
        return
      }
      Kernels.maxPoolForward(
        geometry, samples: 1, x: x + from, y: y + to, winners: winners + to)
    }
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let result = slabs.acquire(input.count)
    inputGradient = result.place
    slabs.release(gradient)
    return result
  }

  func backward(_ pass: Pass) {
    let (dy, dx) = (pass.floats(outputGradient), pass.floats(inputGradient))
    Kernels.fill(count: pass.count(input.scalars), value: 0, output: dx)
    forEachSample(pass) { geometry, from, to in
      guard let winners = chosen(pass) else {
        Kernels.averagePoolBackward(geometry, samples: 1, dy: dy + to, dx: dx + from)
        return
      }
      Kernels.maxPoolBackward(
        geometry, samples: 1, dy: dy + to, winners: winners + to, dx: dx + from)
    }
  }

  private func chosen(_ pass: Pass) -> UnsafeMutablePointer<Int32>? {
    winners.map { (pass.memory + $0.offset).assumingMemoryBound(to: Int32.self) }
  }

  private func forEachSample(_ pass: Pass, _ body: (PoolGeometry, Int, Int) -> Void) {
    let (from, to) = (pass.offsets(inputAxis), pass.offsets(outputAxis))
    for sample in 0..<pass.samples where to[sample + 1] > to[sample] {
      body(
        geometry.resized(width: from[sample + 1] - from[sample]), from[sample] * channels,
        to[sample] * channels)
    }
  }
}
