import Buffers
import Configuration
import Tensors

/// A loss with its target, compiled.
final class LossFunction {
  private let kind: Kind
  private let targetIndex: Int
  private let outputs: Int
  /// A row for each prediction.
  private let rows: Extent
  /// Y factors, or none.
  private let classWeights: HostBuffer<Float>
  /// Where integer targets of a loss over values become floats; nil for float targets.
  private let converted: Region?
  /// How targets are found where some samples have no predictions; nil where all have.
  let gathering: TargetGathering?

  /// Sequences so far that were too short for their ids, which a ``LossConfiguration/ctc(blank:)``
  /// leaves out.
  private(set) var infeasible = 0

  private enum Kind {
    case transcription(TranscriptionTarget)
    case crossEntropy(labelSmoothing: Float)
    case binaryCrossEntropy
    case meanSquaredError
    case huber(delta: Float)
  }

  /// A loss of the rows of `output` against the field at `targetIndex`.
  init(
    _ configuration: LossConfiguration, targetIndex: Int, output: Value, converted: Region?,
    gathering: TargetGathering?
  ) {
    self.targetIndex = targetIndex
    self.gathering = gathering
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
    case .ctc: preconditionFailure("a transcription has an initialiser of its own")
    }
    classWeights = HostBuffer(count: weights.count)
    for (index, weight) in weights.enumerated() { classWeights[index] = Float(weight) }
  }

  /// A transcription of the sequence `output` to the ids of the field at `targetIndex`.
  init(_ target: TranscriptionTarget, targetIndex: Int, output: Value) {
    self.targetIndex = targetIndex
    outputs = output.unitCount
    rows = output.units
    converted = nil
    gathering = nil
    kind = .transcription(target)
    classWeights = HostBuffer(count: 0)
  }

  /// The sum over the microbatch's samples or steps, and `scale` times its gradient.
  func sum(
    _ pass: Pass, outputs logits: UnsafePointer<Float>, scale: Float,
    gradient: UnsafeMutablePointer<Float>
  ) -> Double {
    gathering?.gather(pass, from: pass.fields[targetIndex])
    if case .crossEntropy(let labelSmoothing) = kind {
      return Kernels.softmaxCrossEntropy(
        samples: pass.count(rows), classes: outputs, logits: logits,
        labels: pass.integers(targets), labelSmoothing: labelSmoothing,
        classWeights: weights, scale: scale, gradient: gradient)
    }
    if case .transcription(let target) = kind {
      let result = target.sum(
        pass, field: targetIndex, outputs: outputs, logits: logits, scale: scale,
        gradient: gradient)
      infeasible += result.infeasible
      return result.loss
    }
    let count = pass.count(rows) * outputs
    let targets = floatTargets(pass, count: count)
    switch kind {
    case .huber(let delta):
      return Kernels.huber(
        count: count, outputsPerSample: outputs, delta: delta, values: logits, targets: targets,
        scale: scale, gradient: gradient)
    case .meanSquaredError:
      return Kernels.meanSquaredError(
        count: count, outputsPerSample: outputs, values: logits, targets: targets, scale: scale,
        gradient: gradient)
    case .binaryCrossEntropy, .crossEntropy, .transcription:
      return Kernels.binaryCrossEntropy(
        count: count, outputsPerSample: outputs, logits: logits, targets: targets, scale: scale,
        gradient: gradient)
    }
  }

  /// Σ of the class weights of the labels of predictions, or the number of `rows` without weights.
  func normalizer(
    _ labels: UnsafePointer<Int64>, samples: Int, rows: Int,
    _ offsets: (Int) -> UnsafePointer<Int>
  ) -> Double {
    guard let weights else { return Double(rows) }
    var sum = 0.0
    func add(_ range: Range<Int>) {
      for index in range where labels[index] >= 0 && labels[index] < outputs {
        sum += Double(weights[Int(labels[index])])
      }
    }
    guard let gathering else {
      add(0..<rows)
      return sum
    }
    gathering.forEach(samples, offsets, add)
    return sum
  }

  /// Where the targets of the predictions lie in a pass.
  private var targets: Place { gathering.map { .region($0.region) } ?? .field(targetIndex) }

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
