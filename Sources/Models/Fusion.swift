import Tensors

/// One modality's way from its field to what fusion and heads read.
final class Encoder {
  /// What is read.
  let output: Port
  private let mixture: MixingStage?
  private let gate: PresenceGate?
  private let chain: Chain

  /// An encoder whose output is seen as `output`.
  init(mixture: MixingStage?, gate: PresenceGate?, chain: Chain, output: Value) {
    self.mixture = mixture
    self.gate = gate
    self.chain = chain
    self.output = Port(output, writer: chain.writer)
  }

  /// Mixes samples, leaves out who is missing, and runs the layers.
  func forward(_ group: Group) {
    if let mixture { for pass in group.passes { mixture.forward(pass) } }
    if let gate { for pass in group.passes { gate.forward(pass) } }
    chain.forward(group)
  }

  /// Plans the way back.
  func planBackward(_ slabs: inout SlabPlan) {
    guard let gradient = output.gradient else { return }
    if let rest = chain.planBackward(gradient, &slabs) { slabs.release(rest) }
  }

  /// Runs the layers' backward passes.
  func backward(_ group: Group) {
    if output.gradient != nil { chain.backward(group) }
  }
}

/// A part of the way from the encoders' outputs to the fused vector.
protocol FusionStage: AnyObject {
  /// Computes what it writes.
  func forward(_ group: Group)
  /// Takes the gradients of what it writes, and plans to give those of what it reads.
  func planBackward(_ slabs: inout SlabPlan)
  /// Computes the gradients of slots, and of what it reads.
  func backward(_ group: Group)
}

/// All encoders, and what joins their outputs.
final class Fusion {
  /// What heads that do not name a modality read; nil where none does.
  let output: Port?
  let encoders: [Encoder]
  private let stages: [any FusionStage]
  /// The way back is the reverse of the way there, so that finished slots form one run.
  private let reversedEncoders: [Encoder]
  private let reversedStages: [any FusionStage]
  private let summary: Summary?

  /// What an observer learns of the fusion itself.
  struct Summary {
    /// Its place among the model's summaries.
    let index: Int
    /// Where its own slots begin; nil without any.
    let firstSlot: Int?
  }

  /// A fusion of `encoders` by `stages`; without stages the only encoder's output is passed on.
  init(encoders: [Encoder], stages: [any FusionStage], output: Port?, summary: Summary?) {
    self.encoders = encoders
    self.stages = stages
    self.output = output
    self.summary = summary
    reversedEncoders = encoders.reversed()
    reversedStages = stages.reversed()
  }

  /// Runs all encoders and joins their outputs.
  func forward(_ group: Group) {
    for encoder in encoders { encoder.forward(group) }
    guard let summary else { return }
    for stage in stages {
      // Layers inside name themselves.
      group.observer?.forward(layer: summary.index)
      stage.forward(group)
    }
  }

  /// Plans the way from the gradients that heads gave through every encoder.
  func planBackward(_ slabs: inout SlabPlan) {
    for stage in reversedStages { stage.planBackward(&slabs) }
    for encoder in reversedEncoders { encoder.planBackward(&slabs) }
  }

  /// Splits the gradient and runs the encoders' backward passes.
  func backward(_ group: Group) {
    if let summary {
      for stage in reversedStages {
        group.observer?.backward(layer: summary.index)
        stage.backward(group)
      }
      if let first = summary.firstSlot, first > 0 { group.observer?.gradientsFinal(from: first) }
    }
    for encoder in reversedEncoders { encoder.backward(group) }
  }
}

/// A layer from one port to another.
final class LayerStage: FusionStage {
  private let input, output: Port
  private let layer: any Layer
  private var inputGradient: Place?

  /// `layer` reads `input` and writes `output`.
  init(_ layer: any Layer, from input: Port, to output: Port) {
    self.layer = layer
    self.input = input
    self.output = output
  }

  func forward(_ group: Group) { layer.forward(group) }

  func planBackward(_ slabs: inout SlabPlan) {
    guard let gradient = output.gradient else { return }
    guard let result = layer.planBackward(gradient, &slabs) else { return }
    inputGradient = result.place
    input.plan(result, &slabs)
  }

  func backward(_ group: Group) {
    guard output.gradient != nil else { return }
    layer.backward(group)
    input.add(inputGradient, group)
  }
}
