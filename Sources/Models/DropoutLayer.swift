import Tensors

/// Zeroes scalars with probability `rate` and scales the rest by `1 / (1 − rate)`, in training.
///
/// The mask is a function of (seed, path, step, sample number, element) alone, so the backward
/// pass draws it again instead of keeping it.
final class DropoutLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  var readsInput: Bool { false }
  var readsOutput: Bool { false }
  var tape: Tape { .none }
  private let rate: Float
  private let path: UInt32
  private let isInPlace: Bool
  private let scalars: Extent
  private var outputGradient = Place.slab(0)
  private var inputGradient = Place.slab(0)

  /// A dropout layer keyed by the hash of its path.
  init(input: Value, output: Value, rate: Float, path: UInt32) {
    self.input = input
    self.output = output
    self.rate = rate
    self.path = path
    isInPlace = input.place == output.place
    scalars = input.scalars
  }

  func forward(_ pass: Pass) {
    if pass.training {
      pass.drop(
        scalars, rate: rate, path: path, from: pass.floats(input.place),
        to: pass.floats(output.place))
    } else if !isInPlace {
      Kernels.copy(
        count: pass.count(scalars), source: pass.floats(input.place),
        destination: pass.floats(output.place))
    }
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    let result = gradient.owned ? gradient : slabs.acquire(input.count)
    inputGradient = result.place
    return result
  }

  func backward(_ pass: Pass) {
    pass.drop(
      scalars, rate: rate, path: path, from: pass.floats(outputGradient),
      to: pass.floats(inputGradient))
  }
}

extension Pass {
  /// Zeroes scalars with probability `rate` and scales the rest; `destination` may be `source`.
  func drop(
    _ scalars: Extent, rate: Float, path: UInt32, from source: UnsafePointer<Float>,
    to destination: UnsafeMutablePointer<Float>
  ) {
    guard scalars.axis >= 0 else {
      Kernels.dropout(
        samples: samples, width: scalars.perUnit, rate: rate, seed: seed, path: path, step: step,
        sampleNumbers: sampleNumbers, input: source, output: destination)
      return
    }
    let offsets = self.offsets(scalars.axis)
    for sample in 0..<samples {
      let start = offsets[sample] * scalars.perUnit
      Kernels.dropout(
        samples: 1, width: offsets[sample + 1] * scalars.perUnit - start, rate: rate, seed: seed,
        path: path, step: step, sampleNumbers: sampleNumbers + sample, input: source + start,
        output: destination + start)
    }
  }
}
