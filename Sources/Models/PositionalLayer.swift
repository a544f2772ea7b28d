import Buffers
import Tensors

/// A vector for each step of a sequence, added to it.
final class PositionalLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  var readsInput: Bool { false }
  var readsOutput: Bool { false }
  private let axis: Int
  private let table: Table
  private var outputGradient = Place.slab(0)

  /// The vectors.
  enum Table {
    /// Fixed ones.
    case fixed(Sinusoids)
    /// A slot `[length, C]`.
    case learned(weight: Int, length: Int)

    /// Whether they are parameters.
    var isLearned: Bool {
      guard case .learned = self else { return false }
      return true
    }
  }

  /// The memory of fixed vectors.
  final class Sinusoids {
    let values: HostBuffer<Float>

    init(length: Int, channels: Int) {
      values = HostBuffer(count: length * channels)
      Kernels.sinusoidalPositions(length: length, channels: channels, output: values.base)
    }
  }

  /// Sines and cosines for up to `length` steps.
  static func sinusoids(length: Int, channels: Int) -> Table {
    .fixed(Sinusoids(length: length, channels: channels))
  }

  /// Adds `table` along `axis`.
  init(input: Value, output: Value, axis: Int, table: Table) {
    self.input = input
    self.output = output
    self.axis = axis
    self.table = table
  }

  func forward(_ pass: Pass) {
    let positions: UnsafePointer<Float>
    switch table {
    case .fixed(let sinusoids): positions = UnsafePointer(sinusoids.values.base)
    case .learned(let weight, _): positions = pass.parameters + weight
    }
    Kernels.addPositions(
      samples: pass.samples, offsets: pass.offsets(axis), channels: input.channels,
      x: pass.floats(input.place), positions: positions, y: pass.floats(output.place))
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    if input.requiresGradient { return gradient }
    slabs.release(gradient)
    return nil
  }

  func backward(_ pass: Pass) {
    guard case .learned(let weight, let length) = table else { return }
    Kernels.addPositionsBackward(
      samples: pass.samples, offsets: pass.offsets(axis), channels: input.channels,
      length: length, dy: pass.floats(outputGradient), dPositions: pass.gradient(weight))
  }
}
