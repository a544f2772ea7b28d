import Tensors

/// The encoders' outputs, flattened and joined in order; a single one passes unchanged, and where no
/// head reads them they are not joined at all.
///
/// The output has one unit a sample: where a sample lacks a modality, its columns are zero.
final class Fusion {
  /// What the heads read.
  let output: Value
  private let encoders: [Encoder]
  /// The way back is the reverse of the way there, so that finished slots form one run.
  private let reversed: [Encoder]
  private let index: Int?
  private let width: Int
  private var outputGradient: Place?

  /// A chain, its columns in the fused vector, and where its output's gradient lies.
  private final class Encoder {
    let chain: Chain
    let column, width: Int
    /// The samples that have the modality; nil where all have.
    let axis: Int?
    var outputGradient: Place?
    /// Whether a coupling has written its share of that gradient before.
    var isCoupled = false

    init(chain: Chain, output: Value, column: Int) {
      self.chain = chain
      self.column = column
      width = output.unitCount
      axis = output.axis
    }
  }

  /// A fusion of `chains` that writes `output`, or passes the only chain's output on.
  ///
  /// - Parameters:
  ///   - chains: the encoders.
  ///   - outputs: their outputs with one unit for each sample that has the modality.
  ///   - output: what the heads read.
  ///   - index: its place among the model's summaries, nil where it passes on.
  init(chains: [Chain], outputs: [Value], output: Value, index: Int?) {
    self.output = output
    self.index = index
    var column = 0
    encoders = zip(chains, outputs).map { chain, value in
      defer { column += value.unitCount }
      return Encoder(chain: chain, output: value, column: column)
    }
    reversed = encoders.reversed()
    width = output.unitCount
  }

  /// Runs all encoders and joins their outputs.
  func forward(_ group: Group) {
    for place in encoders.indices {
      let encoder = encoders[place]
      encode(place, group)
      guard let index else { continue }
      group.observer?.forward(layer: index)
      for pass in group.passes { join(encoder, pass) }
    }
  }

  /// Runs one encoder.
  func encode(_ place: Int, _ group: Group) {
    encoders[place].chain.forward(group)
  }

  /// Plans the way from the fused vector's gradient through every encoder.
  ///
  /// - Parameters:
  ///   - gradient: of the fused vector; nil where no head has any.
  ///   - coupled: gradients of encoders' outputs that a coupling writes, by the encoder's place.
  ///   - slabs: the memory of gradients.
  func planBackward(_ gradient: Gradient?, coupled: [Int: Gradient], _ slabs: inout SlabPlan) {
    outputGradient = gradient?.place
    if index == nil, coupled.isEmpty, let gradient {
      encoders[0].outputGradient = gradient.place
      release(encoders[0].chain.planBackward(gradient, &slabs), &slabs)
      return
    }
    for place in encoders.indices.reversed()
    where encoders[place].chain.output.requiresGradient {
      let encoder = encoders[place]
      let slice = coupled[place] ?? slabs.acquire(encoder.chain.output.count)
      encoder.isCoupled = coupled[place] != nil
      encoder.outputGradient = slice.place
      release(encoder.chain.planBackward(slice, &slabs), &slabs)
    }
    release(gradient, &slabs)
  }

  /// Splits the gradient and runs the encoders' backward passes.
  func backward(_ group: Group) {
    for encoder in reversed {
      guard let slice = encoder.outputGradient else { continue }
      if let index, outputGradient != nil {
        group.observer?.backward(layer: index)
        for pass in group.passes { split(encoder, pass, into: pass.floats(slice)) }
      }
      encoder.chain.backward(group)
    }
  }

  /// Copies an encoder's outputs to its columns.
  private func join(_ encoder: Encoder, _ pass: Pass) {
    let source = UnsafePointer(pass.floats(encoder.chain.output.place))
    let target = pass.floats(output.place) + encoder.column
    guard let axis = encoder.axis else {
      Kernels.copyColumns(
        rows: pass.samples, width: encoder.width, source: source, sourceStride: encoder.width,
        destination: target, destinationStride: width)
      return
    }
    let offsets = pass.offsets(axis)
    for sample in 0..<pass.samples {
      let row = target + sample * width
      if offsets[sample + 1] > offsets[sample] {
        row.update(from: source + offsets[sample] * encoder.width, count: encoder.width)
      } else {
        row.update(repeating: 0, count: encoder.width)
      }
    }
  }

  /// Copies an encoder's columns of the gradient to where its way back begins, or adds them there.
  private func split(_ encoder: Encoder, _ pass: Pass, into target: UnsafeMutablePointer<Float>) {
    guard let outputGradient else { return }
    let source = UnsafePointer(pass.floats(outputGradient)) + encoder.column
    let offsets = encoder.axis.map(pass.offsets)
    if offsets == nil, !encoder.isCoupled {
      Kernels.copyColumns(
        rows: pass.samples, width: encoder.width, source: source, sourceStride: width,
        destination: target, destinationStride: encoder.width)
      return
    }
    for sample in 0..<pass.samples {
      let unit = offsets?[sample] ?? sample
      if let offsets, offsets[sample + 1] == offsets[sample] { continue }
      let row = target + unit * encoder.width
      if encoder.isCoupled {
        Kernels.addInto(
          count: encoder.width, source: source + sample * width, destination: row)
      } else {
        row.update(from: source + sample * width, count: encoder.width)
      }
    }
  }

  private func release(_ gradient: Gradient?, _ slabs: inout SlabPlan) {
    if let gradient { slabs.release(gradient) }
  }
}
