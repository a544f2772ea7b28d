import Tensors

/// Multi-head self-attention over the steps of each sample.
///
/// Query, key and value are one product of the input with a `[3I, C]` matrix, so that a row holds all
/// three, of I columns each; the heads read them where they lie. Probabilities are computed again on the way back, so that
/// memory grows with the steps and not with their square.
final class AttentionLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  var readsOutput: Bool { false }
  var tape: Tape { .apart }
  private let axis: Int
  private let geometry: AttentionGeometry
  private let slots: Slots
  private let rate: Float
  private let path: UInt32
  /// Query, key and value of each step; and the heads' outputs.
  private let joined, mixed: Region
  private let rows: Extent
  /// I, of all heads; and C.
  private let width, channels: Int
  private var outputGradient = Place.slab(0)
  private var mixedGradient = Place.slab(0)
  private var joinedGradient = Place.slab(0)
  private var inputGradient: Place?

  /// Where the parameters begin.
  struct Slots {
    /// `[3I, C]`, and `[3I]` where there is a bias.
    let weight: Int, bias: Int?
    /// `[C, I]`, and `[C]` where there is a bias.
    let outWeight: Int, outBias: Int?
  }

  /// Attention over the steps of `axis`.
  init(
    input: Value, output: Value, axis: Int, geometry: AttentionGeometry, slots: Slots, rate: Float,
    path: UInt32, joined: Region, mixed: Region
  ) {
    self.input = input
    self.output = output
    self.axis = axis
    self.geometry = geometry
    self.slots = slots
    self.rate = rate
    self.path = path
    self.joined = joined
    self.mixed = mixed
    rows = input.units
    width = geometry.width
    channels = input.channels
  }

  func forward(_ pass: Pass) {
    mix(pass)
    project(pass)
  }

  func forwardAgain(_ group: Group, needsOutput: Bool) {
    for pass in group.passes {
      mix(pass)
      if needsOutput { project(pass) }
    }
  }

  /// Query, key and value, and what the heads make of them.
  private func mix(_ pass: Pass) {
    let rows = pass.count(rows)
    Kernels.linearForward(
      precision: geometry.precision, samples: rows, inputs: channels, outputs: 3 * width,
      x: pass.floats(input.place),
      weight: pass.parameters + slots.weight, bias: slots.bias.map { pass.parameters + $0 },
      y: pass.floats(joined))
    Kernels.attentionForward(
      geometry, samples: pass.samples, heads(pass), dropout: dropout(pass),
      output: pass.floats(mixed), outputStride: width, scratch: pass.scratch)
  }

  /// The outputs of all heads together.
  private func project(_ pass: Pass) {
    let rows = pass.count(rows)
    Kernels.linearForward(
      precision: geometry.precision, samples: rows, inputs: width, outputs: channels,
      x: pass.floats(mixed),
      weight: pass.parameters + slots.outWeight,
      bias: slots.outBias.map { pass.parameters + $0 }, y: pass.floats(output.place))
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let count = input.mostUnits * width
    let mixed = slabs.acquire(count)
    let joined = slabs.acquire(3 * count)
    (mixedGradient, joinedGradient) = (mixed.place, joined.place)
    slabs.release(gradient)
    slabs.release(mixed)
    // Written last, when only the joined gradient is still read.
    let result = input.requiresGradient ? slabs.acquire(input.count) : nil
    inputGradient = result?.place
    slabs.release(joined)
    return result
  }

  func backward(_ pass: Pass) {
    let rows = pass.count(rows)
    let dy = pass.floats(outputGradient)
    Kernels.linearWeightGradient(
      precision: geometry.precision, samples: rows, inputs: width, outputs: channels,
      x: pass.floats(mixed), dy: dy,
      weightGradient: pass.gradient(slots.outWeight),
      biasGradient: slots.outBias.map { pass.gradient($0) })
    Kernels.linearInputGradient(
      precision: geometry.precision, samples: rows, inputs: width, outputs: channels, dy: dy,
      weight: pass.parameters + slots.outWeight, dx: pass.floats(mixedGradient))
    let joined = pass.floats(joinedGradient)
    Kernels.attentionBackward(
      geometry, samples: pass.samples, heads(pass), dropout: dropout(pass),
      outputGradient: pass.floats(mixedGradient), outputStride: width,
      gradients: AttentionGradients(joined: joined, width: width), scratch: pass.scratch)
    Kernels.linearWeightGradient(
      precision: geometry.precision, samples: rows, inputs: channels, outputs: 3 * width,
      x: pass.floats(input.place), dy: joined,
      weightGradient: pass.gradient(slots.weight),
      biasGradient: slots.bias.map { pass.gradient($0) })
    guard let inputGradient else { return }
    Kernels.linearInputGradient(
      precision: geometry.precision, samples: rows, inputs: channels, outputs: 3 * width,
      dy: joined,
      weight: pass.parameters + slots.weight, dx: pass.floats(inputGradient))
  }

  private func heads(_ pass: Pass) -> AttentionInput {
    AttentionInput(joined: pass.floats(joined), width: width, offsets: pass.offsets(axis))
  }

  private func dropout(_ pass: Pass) -> (rate: Float, random: PassRandom)? {
    pass.training && rate > 0 ? (rate, pass.random(path)) : nil
  }
}

extension Pass {
  /// The key of a layer's random numbers.
  func random(_ path: UInt32) -> PassRandom {
    PassRandom(seed: seed, path: path, step: step, sampleNumbers: sampleNumbers)
  }
}
