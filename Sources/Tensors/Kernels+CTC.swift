extension Kernels {
  /// What a batch's connectionist temporal classification came to.
  public struct CTCResult: Sendable, Equatable {
    /// Σ over the samples of −log p(labels), in Float64 and sample order.
    public var loss = 0.0
    /// Samples with fewer steps than their labels need; they add nothing to loss and gradient.
    public var infeasible = 0
  }

  /// Float64 of scratch that ``ctc(samples:classes:offsets:logits:targetOffsets:targets:blank:scale:gradient:scratch:)``
  /// needs.
  ///
  /// - Parameters:
  ///   - steps: the most rows of a sample.
  ///   - labels: the most labels of a sample.
  /// - Returns: `(steps + 2) (2 labels + 1) + steps`.
  public static func ctcScratchCount(steps: Int, labels: Int) -> Int {
    (steps + 2) * (2 * labels + 1) + steps
  }

  /// Connectionist temporal classification summed over the samples.
  ///
  /// −log of the probability that a sample's rows, each a softmax over classes, spell its labels once
  /// repeats are merged and blanks are dropped (Graves et al. 2006).
  ///
  /// A sample needs a row per label and one more between equal neighbours; one with fewer adds nothing
  /// but a count. Sums over paths are Float64 logarithms, so a sequence may be of any length. No rows
  /// and no labels are a loss of 0.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - classes: Y, the blank among them.
  ///   - offsets: sample i owns the rows `offsets[i] ..< offsets[i + 1]` of `logits`.
  ///   - logits: `[rows, Y]`, packed.
  ///   - targetOffsets: the same for `targets`.
  ///   - targets: class numbers in `0 ..< Y`, none of them the blank; checked by the caller.
  ///   - blank: the class that stands for no label.
  ///   - scale: factor of the gradient, not of the returned loss.
  ///   - gradient: receives the logits' gradient, `[rows, Y]`.
  ///   - scratch: ``ctcScratchCount(steps:labels:)`` Float64.
  /// - Returns: the unscaled sum and the number of samples left out.
  ///
  /// Cost: about `rows · (Y + 4 U)` exponentials, U labels per sample.
  public static func ctc(
    samples: Int, classes: Int, offsets: UnsafePointer<Int>, logits: ConstantFloats,
    targetOffsets: UnsafePointer<Int>, targets: UnsafePointer<Int64>, blank: Int, scale: Float,
    gradient: Floats, scratch: UnsafeMutablePointer<Double>
  ) -> CTCResult {
    var result = CTCResult()
    for sample in 0..<samples {
      let steps = offsets[sample + 1] - offsets[sample]
      let labels = targets + targetOffsets[sample]
      let count = targetOffsets[sample + 1] - targetOffsets[sample]
      let part = gradient + offsets[sample] * classes
      guard steps >= ctcSteps(labels, count: count) else {
        result.infeasible += 1
        part.update(repeating: 0, count: steps * classes)
        continue
      }
      guard steps > 0 else { continue }
      result.loss += table.pointee.ctc(
        Int64(steps), Int64(classes), Int64(count), labels, Int64(blank),
        logits + offsets[sample] * classes, scale, part, scratch)
    }
    return result
  }

  /// The fewest rows that can spell these labels: one each, and a blank between equal neighbours.
  public static func ctcSteps(_ labels: UnsafePointer<Int64>, count: Int) -> Int {
    guard count > 0 else { return 0 }
    return (1..<count).reduce(count) { $0 + (labels[$1] == labels[$1 - 1] ? 1 : 0) }
  }
}
