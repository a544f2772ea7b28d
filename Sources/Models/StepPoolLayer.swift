import Tensors

/// The steps of each sample as one vector; zeros where there are none.
final class StepPoolLayer: MicrobatchLayer {
  let input: Value
  let output: Value
  private let axis: Int
  /// The axis of the samples that have the tensor at all; nil where all have.
  private let base: Int?
  /// Where the steps of those samples begin.
  private let presentOffsets: Region
  private let memory: Memory
  private let channels: Int
  private var outputGradient = Place.slab(0)
  private var inputGradient = Place.slab(0)

  /// What is computed, and what it keeps.
  enum Memory {
    case mean
    case first
    case last
    /// The step of each maximum.
    case max(winners: Region)
    /// Where the slot of the query begins; a probability for each step.
    case attention(query: Int, probabilities: Region)
  }

  /// A pool over the steps of `axis`.
  init(
    input: Value, output: Value, axis: Int, base: Int?, presentOffsets: Region, memory: Memory
  ) {
    self.input = input
    self.output = output
    self.axis = axis
    self.base = base
    self.presentOffsets = presentOffsets
    self.memory = memory
    channels = input.channels
  }

  func forward(_ pass: Pass) {
    let (samples, offsets) = (pass.count(output.units), present(pass))
    let (x, y) = (pass.floats(input.place), pass.floats(output.place))
    switch memory {
    case .mean:
      Kernels.meanOverSteps(samples: samples, offsets: offsets, channels: channels, x: x, y: y)
    case .first:
      Kernels.firstStep(samples: samples, offsets: offsets, channels: channels, x: x, y: y)
    case .last:
      Kernels.lastStep(samples: samples, offsets: offsets, channels: channels, x: x, y: y)
    case .max(let winners):
      Kernels.maxOverSteps(
        samples: samples, offsets: offsets, channels: channels, x: x, y: y,
        winners: pass.integers32(winners))
    case .attention(let query, let probabilities):
      Kernels.attentionPoolForward(
        samples: samples, offsets: offsets, channels: channels, x: x,
        query: pass.parameters + query, probabilities: pass.floats(probabilities), y: y)
    }
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    // The kernels write dx always, so it gets a place even where nobody reads it.
    let result = slabs.acquire(input.count)
    inputGradient = result.place
    slabs.release(gradient)
    if input.requiresGradient { return result }
    slabs.release(result)
    return nil
  }

  func backward(_ pass: Pass) {
    let (samples, offsets) = (pass.count(output.units), present(pass))
    let (dy, dx) = (pass.floats(outputGradient), pass.floats(inputGradient))
    switch memory {
    case .mean:
      Kernels.meanOverStepsBackward(
        samples: samples, offsets: offsets, channels: channels, dy: dy, dx: dx)
    case .first:
      Kernels.firstStepBackward(
        samples: samples, offsets: offsets, channels: channels, dy: dy, dx: dx)
    case .last:
      Kernels.lastStepBackward(
        samples: samples, offsets: offsets, channels: channels, dy: dy, dx: dx)
    case .max(let winners):
      Kernels.maxOverStepsBackward(
        samples: samples, offsets: offsets, channels: channels, dy: dy,
        winners: pass.integers32(winners), dx: dx)
    case .attention(let query, let probabilities):
      Kernels.attentionPoolBackward(
        samples: samples, offsets: offsets, channels: channels, x: pass.floats(input.place),
        query: pass.parameters + query, probabilities: pass.floats(probabilities), dy: dy,
        scratch: pass.scratch, dx: dx, dQuery: pass.gradient(query))
    }
  }

  /// Where the steps begin of each sample that has the tensor; the others have none.
  private func present(_ pass: Pass) -> UnsafePointer<Int> {
    let steps = pass.offsets(axis)
    guard let base else { return steps }
    let units = pass.offsets(base)
    let offsets = (pass.memory + presentOffsets.offset).assumingMemoryBound(to: Int.self)
    offsets[0] = 0
    for sample in 0..<pass.samples where units[sample + 1] > units[sample] {
      offsets[units[sample + 1]] = steps[sample + 1]
    }
    return UnsafePointer(offsets)
  }
}

extension Pass {
  /// The 32-bit integers of a region of the arena.
  func integers32(_ region: Region) -> UnsafeMutablePointer<Int32> {
    (memory + region.offset).assumingMemoryBound(to: Int32.self)
  }
}
