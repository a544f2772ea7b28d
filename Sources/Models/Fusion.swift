import Tensors

/// The encoders' outputs, flattened and joined in order; a single one passes unchanged.
final class Fusion {
  /// What the heads read.
  let output: Value
  private let encoders: [Encoder]
  /// The way back is the reverse of the way there, so that finished slots form one run.
  private let reversed: [Encoder]
  private let index: Int?
  private let width: Int
  private var outputGradient = Place.slab(0)

  /// A chain, its columns in the fused vector, and where its output's gradient lies.
  private final class Encoder {
    let chain: Chain
    let column, width: Int
    var outputGradient: Place?

    init(chain: Chain, column: Int) {
      self.chain = chain
      self.column = column
      width = chain.output.count
    }
  }

  /// A fusion of `chains` that writes `output`, or passes the only chain's output on.
  ///
  /// `index` is its place among the model's summaries, nil where it passes on.
  init(chains: [Chain], output: Value, index: Int?) {
    self.output = output
    self.index = index
    var column = 0
    encoders = chains.map { chain in
      defer { column += chain.output.count }
      return Encoder(chain: chain, column: column)
    }
    reversed = encoders.reversed()
    width = output.count
  }

  /// Runs all encoders and joins their outputs.
  func forward(_ group: Group) {
    for encoder in encoders {
      encoder.chain.forward(group)
      guard let index else { continue }
      group.observer?.forward(layer: index)
      for pass in group.passes {
        Kernels.copyColumns(
          rows: pass.samples, width: encoder.width,
          source: pass.floats(encoder.chain.output.place), sourceStride: encoder.width,
          destination: pass.floats(output.place) + encoder.column, destinationStride: width)
      }
    }
  }

  /// Plans the way from the fused vector's gradient through every encoder.
  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) {
    outputGradient = gradient.place
    if index == nil {
      encoders[0].outputGradient = gradient.place
      release(encoders[0].chain.planBackward(gradient, &slabs), &slabs)
      return
    }
    for encoder in reversed where encoder.chain.output.requiresGradient {
      let slice = slabs.acquire(encoder.width)
      encoder.outputGradient = slice.place
      release(encoder.chain.planBackward(slice, &slabs), &slabs)
    }
    slabs.release(gradient)
  }

  /// Splits the gradient and runs the encoders' backward passes.
  func backward(_ group: Group) {
    for encoder in reversed {
      guard let slice = encoder.outputGradient else { continue }
      if let index {
        group.observer?.backward(layer: index)
        for pass in group.passes {
          Kernels.copyColumns(
            rows: pass.samples, width: encoder.width,
            source: UnsafePointer(pass.floats(outputGradient)) + encoder.column,
            sourceStride: width, destination: pass.floats(slice),
            destinationStride: encoder.width)
        }
      }
      encoder.chain.backward(group)
    }
  }

  private func release(_ gradient: Gradient?, _ slabs: inout SlabPlan) {
    if let gradient { slabs.release(gradient) }
  }
}
