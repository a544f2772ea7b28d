import Buffers
import Tensors

/// What teachers say about every sample of the training split, as one head of a student learns from it.
///
/// The memory may be shared by several processes; it is written before the first pass and never again, which is
/// what makes the unchecked `Sendable` true.
public struct SoftTargets: @unchecked Sendable {
  /// T: by what logits are divided before they become probabilities.
  public let temperature: Double
  /// α: the share of the soft term in the head's loss.
  public let alpha: Double
  /// `[S, rows · Y]` by the samples' numbers in their split: probabilities at T, or values.
  let values: UnsafePointer<Float>
  private let owner: AnyObject

  /// Targets from their parts.
  ///
  /// - Parameters:
  ///   - temperature: T, above 0.
  ///   - alpha: α, in `0 ... 1`.
  ///   - values: rows of probabilities at T, or of values, by sample number.
  ///   - owner: what keeps `values` alive.
  public init(
    temperature: Double, alpha: Double, values: UnsafePointer<Float>, keeping owner: AnyObject
  ) {
    precondition(temperature > 0 && alpha >= 0 && alpha <= 1, "T \(temperature), α \(alpha)")
    self.temperature = temperature
    self.alpha = alpha
    self.values = values
    self.owner = owner
  }
}

/// The soft term of a head's loss: what its outputs miss of what teachers say.
///
/// With a head's own loss L, the head minimises `(1 − α) L + α S`, each the mean over its own predictions: L over those
/// that weigh something, S over all. S is `T² KL(p ‖ q)` for classes and for yes-or-no outputs, where T² keeps the size of
/// the gradient whatever the temperature, and the squared error to the teacher's values for heads of values.
final class SoftLoss {
  let targets: SoftTargets
  private let kind: Kind
  private let outputs: Int
  private let rowsPerSample: Int
  private let scratch: HostBuffer<Float>

  private enum Kind {
    case classes, answers, values
  }

  /// The soft term of `head`, which predicts as many rows for every sample.
  init(_ targets: SoftTargets, _ head: Head) {
    guard let rows = head.rowsPerSample, !head.mayLack else {
      preconditionFailure("\(head.name) has no fixed number of predictions")
    }
    self.targets = targets
    outputs = head.outputs
    rowsPerSample = rows
    scratch = HostBuffer(count: head.outputs)
    switch head.loss {
    case .crossEntropy: kind = .classes
    case .binaryCrossEntropy: kind = .answers
    case .meanSquaredError, .huber: kind = .values
    case .ctc, .bpr: preconditionFailure("\(head.name) has no soft term")
    }
  }

  /// S summed over the predictions of a pass, and `scale` times its gradient, added.
  func add(
    _ pass: Pass, outputs logits: UnsafePointer<Float>, scale: Float,
    gradient: UnsafeMutablePointer<Float>
  ) -> Double {
    let width = rowsPerSample * outputs
    let temperature = targets.temperature
    var total = 0.0
    for sample in 0..<pass.samples {
      let truth = targets.values + Int(pass.sampleNumbers[sample]) * width
      let (z, g) = (logits + sample * width, gradient + sample * width)
      switch kind {
      case .classes:
        // d(z / T) / dz leaves T of T².
        total += Kernels.softClasses(
          rows: rowsPerSample, classes: outputs, logits: z, targets: truth,
          temperature: Float(temperature), scale: scale * Float(temperature),
          scratch: scratch.base, gradient: g)
      case .answers:
        total += Kernels.softAnswers(
          count: width, outputsPerRow: outputs, logits: z, targets: truth,
          temperature: Float(temperature), scale: scale * Float(temperature), gradient: g)
      case .values:
        total += squaredError(width, z, truth, scale: scale, gradient: g)
      }
    }
    return kind == .values ? total : temperature * temperature * total
  }

  /// The squared error, the mean over the outputs of a row.
  private func squaredError(
    _ count: Int, _ values: UnsafePointer<Float>, _ truth: UnsafePointer<Float>, scale: Float,
    gradient: UnsafeMutablePointer<Float>
  ) -> Double {
    var total = 0.0
    let share = 2 * scale / Float(outputs)
    for index in 0..<count {
      let error = values[index] - truth[index]
      total += Double(error) * Double(error)
      gradient[index] += share * error
    }
    return total / Double(outputs)
  }
}

extension Model {
  /// The factor of one of ``losses`` in the sum that training minimises: a head's weight, shared between its own term
  /// and, in the second half, its soft term; or that of a hint.
  ///
  /// - Parameter place: a place in ``losses``.
  /// - Returns: the factor of the mean over the head's predictions.
  public func lossWeight(at place: Int) -> Double {
    let hint = place - 2 * heads.count
    if hint >= 0 { return hintBranches[hint].request.weight }
    let head = place % heads.count
    guard let alpha = branches[head].soft?.targets.alpha else {
      return place < heads.count ? heads[head].weight : 0
    }
    return heads[head].weight * (place < heads.count ? 1 - alpha : alpha)
  }

  /// Lets heads learn from teachers too, from the next training pass on.
  ///
  /// A head that has targets must predict as many rows for every sample, and no samples may be mixed. Its soft term gets
  /// a divisor and a loss of its own: both lie behind those of all heads' own losses.
  ///
  /// - Parameter targets: by head; nil for heads that learn from the data alone.
  public func learn(from targets: [SoftTargets?]) {
    precondition(targets.count == heads.count && mixing == nil, "targets of another model")
    for (index, target) in targets.enumerated() {
      branches[index].soft = target.map { SoftLoss($0, heads[index]) }
    }
  }
}
