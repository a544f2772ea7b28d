import Tensors

/// The largest value of each window; the gradient returns to the first of the largest.
final class MaxPoolLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  var readsInput: Bool { false }
  var readsOutput: Bool { false }
  private let geometry: PoolGeometry
  private let units: Extent
  private let winners: Region
  private var outputGradient = Place.slab(0)
  private var inputGradient = Place.slab(0)

  /// A max pool that remembers in `winners` which cell was the largest.
  init(input: Value, output: Value, geometry: PoolGeometry, winners: Region) {
    self.input = input
    self.output = output
    self.geometry = geometry
    units = input.units
    self.winners = winners
  }

  func forward(_ pass: Pass) {
    Kernels.maxPoolForward(
      geometry, samples: pass.count(units), x: pass.floats(input.place),
      y: pass.floats(output.place),
      winners: chosen(pass))
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let result = slabs.acquire(input.count)
    inputGradient = result.place
    slabs.release(gradient)
    return result
  }

  func backward(_ pass: Pass) {
    Kernels.maxPoolBackward(
      geometry, samples: pass.count(units), dy: pass.floats(outputGradient), winners: chosen(pass),
      dx: pass.floats(inputGradient))
  }

  private func chosen(_ pass: Pass) -> UnsafeMutablePointer<Int32> {
    (pass.memory + winners.offset).assumingMemoryBound(to: Int32.self)
  }
}

/// The mean of each window's cells inside the input.
final class AveragePoolLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  var readsInput: Bool { false }
  var readsOutput: Bool { false }
  private let geometry: PoolGeometry
  private let units: Extent
  private var outputGradient = Place.slab(0)
  private var inputGradient = Place.slab(0)

  /// An average pool of `geometry`.
  init(input: Value, output: Value, geometry: PoolGeometry) {
    self.input = input
    self.output = output
    self.geometry = geometry
    units = input.units
  }

  func forward(_ pass: Pass) {
    Kernels.averagePoolForward(
      geometry, samples: pass.count(units), x: pass.floats(input.place),
      y: pass.floats(output.place))
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let result = slabs.acquire(input.count)
    inputGradient = result.place
    slabs.release(gradient)
    return result
  }

  func backward(_ pass: Pass) {
    Kernels.averagePoolBackward(
      geometry, samples: pass.count(units), dy: pass.floats(outputGradient),
      dx: pass.floats(inputGradient))
  }
}

/// The mean over all positions: `[…, C]` becomes `[C]`.
final class GlobalAveragePoolLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  var readsInput: Bool { false }
  var readsOutput: Bool { false }
  private let units: Extent
  private let positions, channels: Int
  private var outputGradient = Place.slab(0)
  private var inputGradient = Place.slab(0)

  /// A global average pool of `input`.
  init(input: Value, output: Value) {
    self.input = input
    self.output = output
    units = input.units
    positions = input.positions
    channels = input.channels
  }

  func forward(_ pass: Pass) {
    Kernels.globalAverageForward(
      samples: pass.count(units), positions: positions, channels: channels,
      x: pass.floats(input.place), y: pass.floats(output.place))
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let result = slabs.acquire(input.count)
    inputGradient = result.place
    slabs.release(gradient)
    return result
  }

  func backward(_ pass: Pass) {
    Kernels.globalAverageBackward(
      samples: pass.count(units), positions: positions, channels: channels,
      dy: pass.floats(outputGradient), dx: pass.floats(inputGradient))
  }
}
