import Buffers
import Configuration
import Tensors

/// A loss with its target, compiled.
final class LossFunction {
  private let kind: Kind
  private let targetIndex: Int
  /// The field with a weight for each row; nil where all weigh 1.
  private let weightsIndex: Int?
  private let outputs: Int
  /// A row for each prediction.
  private let rows: Extent
  /// Y factors, or none.
  private let classWeights: HostBuffer<Float>
  /// Where integer targets of a loss over values become floats; nil for float targets.
  private let converted: Region?

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

  /// A loss of the rows of `output` against the field at `targetIndex`, weighted by another field.
  init(
    _ configuration: LossConfiguration, targetIndex: Int, weightsIndex: Int?, output: Value,
    converted: Region?
  ) {
    self.targetIndex = targetIndex
    self.weightsIndex = weightsIndex
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
    weightsIndex = nil
    outputs = output.unitCount
    rows = output.units
    converted = nil
    kind = .transcription(target)
    classWeights = HostBuffer(count: 0)
  }

  /// The sum over the microbatch's samples or steps, each times its weight, and `scale` times its
  /// gradient.
  func sum(
    _ pass: Pass, outputs logits: UnsafePointer<Float>, scale: Float,
    gradient: UnsafeMutablePointer<Float>
  ) -> Double {
    if case .transcription(let target) = kind {
      let result = target.sum(
        pass, field: targetIndex, outputs: outputs, logits: logits, scale: scale,
        gradient: gradient)
      infeasible += result.infeasible
      return result.loss
    }
    let count = pass.count(rows)
    let truth = truth(pass, count: count)
    guard let weightsIndex else {
      return sum(0..<count, truth, logits: logits, scale: scale, gradient: gradient)
    }
    let weights = pass.floats(.field(weightsIndex))
    var total = 0.0
    for row in 0..<count {
      let loss = sum(
        row..<row + 1, truth, logits: logits, scale: scale * weights[row], gradient: gradient)
      total += Double(weights[row]) * loss
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
      return .labels(UnsafePointer(pass.integers(.field(targetIndex))))
    }
    return .values(floatTargets(pass, count: count * outputs))
  }

  /// The sum over some rows, and `scale` times their gradient.
  private func sum(
    _ rows: Range<Int>, _ truth: Truth, logits: UnsafePointer<Float>, scale: Float,
    gradient: UnsafeMutablePointer<Float>
  ) -> Double {
    let count = rows.count * outputs
    let logits = logits + rows.lowerBound * outputs
    let gradient = gradient + rows.lowerBound * outputs
    switch (kind, truth) {
    case (.crossEntropy(let labelSmoothing), .labels(let labels)):
      return Kernels.softmaxCrossEntropy(
        samples: rows.count, classes: outputs, logits: logits, labels: labels + rows.lowerBound,
        labelSmoothing: labelSmoothing, classWeights: weights, scale: scale, gradient: gradient)
    case (.huber(let delta), .values(let targets)):
      return Kernels.huber(
        count: count, outputsPerSample: outputs, delta: delta, values: logits,
        targets: targets + rows.lowerBound * outputs, scale: scale, gradient: gradient)
    case (.meanSquaredError, .values(let targets)):
      return Kernels.meanSquaredError(
        count: count, outputsPerSample: outputs, values: logits,
        targets: targets + rows.lowerBound * outputs, scale: scale, gradient: gradient)
    case (.binaryCrossEntropy, .values(let targets)):
      return Kernels.binaryCrossEntropy(
        count: count, outputsPerSample: outputs, logits: logits,
        targets: targets + rows.lowerBound * outputs, scale: scale, gradient: gradient)
    default: preconditionFailure("a loss with a truth of another kind")
    }
  }

  /// Σ of the weights of `count` rows, each that of its class times its own.
  ///
  /// - Parameters:
  ///   - labels: class numbers, or nil where classes weigh alike.
  ///   - own: weights of rows, or nil where they weigh alike.
  ///   - count: rows.
  /// - Returns: `count` where nothing is weighted; labels outside the classes weigh nothing.
  func normalizer(
    _ labels: UnsafePointer<Int64>?, own: UnsafePointer<Float>?, count: Int
  ) -> Double {
    let classes = labels == nil ? nil : weights
    guard classes != nil || own != nil else { return Double(count) }
    var sum = 0.0
    for row in 0..<count {
      var weight = own.map { Double($0[row]) } ?? 1
      if let classes, let label = labels?[row] {
        weight *= label >= 0 && label < outputs ? Double(classes[Int(label)]) : 0
      }
      sum += weight
    }
    return sum
  }

  private var weights: UnsafePointer<Float>? {
    classWeights.count > 0 ? UnsafePointer(classWeights.base) : nil
  }

  private func floatTargets(_ pass: Pass, count: Int) -> UnsafePointer<Float> {
    guard let converted else { return UnsafePointer(pass.floats(.field(targetIndex))) }
    let integers = pass.integers(.field(targetIndex))
    let floats = pass.floats(converted)
    for index in 0..<count { floats[index] = Float(integers[index]) }
    return UnsafePointer(floats)
  }
}
