import Buffers
import Configuration
import Tensors

/// A loss with its target, compiled.
final class LossFunction {
  private let kind: Kind
  /// The field with the truth; nil where there is none.
  private let targetIndex: Int?
  /// The weight of each row; nil where all weigh 1.
  private let own: Weights?
  /// How samples are mixed in training; nil where they are not.
  private let mixture: Mixture?
  private let outputs: Int
  /// A row for each prediction.
  private let rows: Extent
  /// Y factors, or none.
  private let classWeights: HostBuffer<Float>
  /// Where integer targets of a loss over values become floats in a pass; nil for float targets.
  let converted: Region?
  /// How targets are found where some samples have no predictions; nil where all have.
  let gathering: TargetGathering?

  /// Sequences too short for their ids, which a ``LossConfiguration/ctc(blank:)`` leaves out: those of the
  /// last pass, and of all training passes so far.
  private(set) var infeasible = (lastPass: 0, inTraining: 0)

  /// Where the weights of predictions are found.
  struct Weights {
    let fieldIndex: Int
    /// How they are found where some samples have no predictions; nil where all have.
    let gathering: TargetGathering?
  }

  /// The losses of mixed samples: λ times that of a sample, 1 − λ times that of its partner.
  struct Mixture {
    let mixing: Mixing
    /// Where the partner's gradient of one sample lies for a while.
    let gradient: Region
  }

  private enum Kind {
    case transcription(TranscriptionTarget)
    case ranking
    case crossEntropy(labelSmoothing: Float)
    case binaryCrossEntropy
    case meanSquaredError
    case huber(delta: Float)
  }

  /// A loss of the rows of `output` against the field at `targetIndex`, weighted by `own`.
  init(
    _ configuration: LossConfiguration, targetIndex: Int, mixture: Mixture?,
    weights own: Weights?, output: Value, converted: Region?, gathering: TargetGathering?
  ) {
    self.mixture = mixture
    self.targetIndex = targetIndex
    self.gathering = gathering
    self.own = own
    outputs = output.unitCount
    rows = output.units
    self.converted = converted
    var weights: [Double] = []
    switch configuration {
    case .crossEntropy(let labelSmoothing, let classWeights):
      kind = .crossEntropy(labelSmoothing: Float(labelSmoothing))
      weights = classWeights ?? []
    case .binaryCrossEntropy: kind = .binaryCrossEntropy
    case .meanSquaredError: kind = .meanSquaredError
    case .huber(let delta): kind = .huber(delta: Float(delta))
    case .ctc, .bpr: preconditionFailure("a loss with an initialiser of its own")
    }
    classWeights = HostBuffer(count: weights.count)
    for (index, weight) in weights.enumerated() { classWeights[index] = Float(weight) }
  }

  /// A transcription of the sequence `output` to the ids of the field at `targetIndex`.
  init(_ target: TranscriptionTarget, targetIndex: Int, output: Value) {
    self.targetIndex = targetIndex
    own = nil
    mixture = nil
    outputs = output.unitCount
    rows = output.units
    converted = nil
    gathering = nil
    kind = .transcription(target)
    classWeights = HostBuffer(count: 0)
  }

  /// A comparison of each even row of `output` with the row behind it, that of its negative.
  init(comparingRowsOf output: Value) {
    targetIndex = nil
    own = nil
    mixture = nil
    outputs = output.unitCount
    rows = output.units
    converted = nil
    gathering = nil
    kind = .ranking
    classWeights = HostBuffer(count: 0)
  }

  /// The sum over the microbatch's samples or steps, each times its weight, and `scale` times its
  /// gradient.
  func sum(
    _ pass: Pass, outputs logits: UnsafePointer<Float>, scale: Float,
    gradient: UnsafeMutablePointer<Float>
  ) -> Double {
    if case .ranking = kind {
      // Only training draws negatives.
      guard pass.training else { return 0 }
      return Kernels.personalizedRanking(
        rows: pass.count(rows), scores: logits, scale: scale, gradient: gradient)
    }
    gathering?.gather(pass, from: pass.fields[target])
    if case .transcription(let transcription) = kind {
      let result = transcription.sum(
        pass, field: target, outputs: outputs, logits: logits, scale: scale,
        gradient: gradient)
      infeasible.lastPass = result.infeasible
      if pass.training { infeasible.inTraining += result.infeasible }
      return result.loss
    }
    let count = pass.count(rows)
    let truth = truth(pass, count: count)
    if let mixture, pass.training {
      return sum(
        of: mixture, pass, truth, logits: logits, scale: scale, gradient: gradient)
    }
    guard let own else {
      return sum(
        rows: count, truth, from: 0, logits: logits, scale: scale, gradient: gradient)
    }
    own.gathering?.gather(pass, from: pass.fields[own.fieldIndex])
    let weights = pass.floats(own.gathering.map { .region($0.region) } ?? .field(own.fieldIndex))
    var total = 0.0
    for row in 0..<count {
      let loss = sum(
        rows: 1, truth, from: row, logits: logits + row * outputs, scale: scale * weights[row],
        gradient: gradient + row * outputs)
      total += Double(weights[row]) * loss
    }
    return total
  }

  /// The sum over mixed samples.
  ///
  /// A loss is linear in its truth's share here, so no mixture of labels is needed: each is compared by
  /// itself.
  private func sum(
    of mixture: Mixture, _ pass: Pass, _ truth: Truth, logits: UnsafePointer<Float>, scale: Float,
    gradient: UnsafeMutablePointer<Float>
  ) -> Double {
    let rest = pass.floats(mixture.gradient)
    var total = 0.0
    for sample in 0..<pass.samples {
      let share = mixture.mixing.share(pass, of: sample)
      let partner = mixture.mixing.partner(pass, of: sample)
      let (z, target) = (logits + sample * outputs, gradient + sample * outputs)
      let own = sum(
        rows: 1, truth, from: sample, logits: z, scale: scale * share, gradient: target)
      let other = sum(
        rows: 1, truth, from: partner, logits: z, scale: scale * (1 - share), gradient: rest)
      for index in 0..<outputs { target[index] += rest[index] }
      total += Double(share) * own + Double(1 - share) * other
    }
    return total
  }

  /// What rows are compared with: class numbers or values.
  private enum Truth {
    case labels(UnsafePointer<Int64>)
    case values(UnsafePointer<Float>)
  }

  private func truth(_ pass: Pass, count: Int) -> Truth {
    if case .crossEntropy = kind {
      return .labels(pass.integers(targets))
    }
    return .values(floatTargets(pass, count: count * outputs))
  }

  /// The sum over some rows, compared with the rows of the truth from `first` on, and `scale` times their
  /// gradient.
  private func sum(
    rows: Int, _ truth: Truth, from first: Int, logits: UnsafePointer<Float>, scale: Float,
    gradient: UnsafeMutablePointer<Float>
  ) -> Double {
    let count = rows * outputs
    switch (kind, truth) {
    case (.crossEntropy(let labelSmoothing), .labels(let labels)):
      return Kernels.softmaxCrossEntropy(
        samples: rows, classes: outputs, logits: logits, labels: labels + first,
        labelSmoothing: labelSmoothing, classWeights: weights, scale: scale, gradient: gradient)
    case (.huber(let delta), .values(let targets)):
      return Kernels.huber(
        count: count, outputsPerSample: outputs, delta: delta, values: logits,
        targets: targets + first * outputs, scale: scale, gradient: gradient)
    case (.meanSquaredError, .values(let targets)):
      return Kernels.meanSquaredError(
        count: count, outputsPerSample: outputs, values: logits,
        targets: targets + first * outputs, scale: scale, gradient: gradient)
    case (.binaryCrossEntropy, .values(let targets)):
      return Kernels.binaryCrossEntropy(
        count: count, outputsPerSample: outputs, logits: logits,
        targets: targets + first * outputs, scale: scale, gradient: gradient)
    default: preconditionFailure("a loss with a truth of another kind")
    }
  }

  /// Σ of the weights of all predictions, each that of its class times its own.
  ///
  /// - Parameters:
  ///   - labels: the target's class numbers, or nil where classes weigh alike.
  ///   - weights: weights of predictions, or nil where they weigh alike.
  ///   - samples: n.
  ///   - rows: predictions.
  ///   - offsets: where each sample's units begin on an axis.
  /// - Returns: `rows` where nothing is weighted; labels outside the classes weigh nothing.
  func normalizer(
    _ labels: UnsafePointer<Int64>?, own weights: UnsafePointer<Float>?, samples: Int, rows: Int,
    _ offsets: (Int) -> UnsafePointer<Int>
  ) -> Double {
    let classes = labels == nil ? nil : self.weights
    guard classes != nil || weights != nil else { return Double(rows) }
    var sum = 0.0
    // Both have one number for each prediction, so they lie at the same places.
    func add(_ range: Range<Int>) {
      for index in range {
        var weight = weights.map { Double($0[index]) } ?? 1
        if let classes, let label = labels?[index] {
          weight *= label >= 0 && label < outputs ? Double(classes[Int(label)]) : 0
        }
        sum += weight
      }
    }
    guard let gathering = own?.gathering ?? gathering else {
      add(0..<rows)
      return sum
    }
    gathering.forEach(samples, offsets, add)
    return sum
  }

  /// Where the targets of the predictions lie in a pass.
  private var targets: Place { gathering.map { .region($0.region) } ?? .field(target) }

  private var target: Int {
    guard let targetIndex else { preconditionFailure("a loss without a target") }
    return targetIndex
  }

  private var weights: UnsafePointer<Float>? {
    classWeights.count > 0 ? UnsafePointer(classWeights.base) : nil
  }

  private func floatTargets(_ pass: Pass, count: Int) -> UnsafePointer<Float> {
    guard let converted else { return UnsafePointer(pass.floats(targets)) }
    let integers = pass.integers(targets)
    let floats = pass.floats(converted)
    for index in 0..<count { floats[index] = Float(integers[index]) }
    return UnsafePointer(floats)
  }
}
