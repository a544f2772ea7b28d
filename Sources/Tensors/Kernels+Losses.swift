import Glibc

extension Kernels {
  /// Softmax cross-entropy summed over the samples, with PyTorch's label smoothing and class weights.
  ///
  /// With `q = (1 − ε) 1_y + ε / Y`: loss `−Σ_k q_k w_k log p_k`, gradient
  /// `scale · (p · Σ_k q_k w_k − q w)`.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - classes: Y.
  ///   - logits: `[n, Y]`.
  ///   - labels: n class numbers in `0 ..< Y`, checked by the caller.
  ///   - labelSmoothing: ε.
  ///   - classWeights: w, Y of them, or nil.
  ///   - scale: factor of the gradient, not of the returned loss.
  ///   - gradient: receives the logits' gradient.
  /// - Returns: the unscaled sum in Float64, in sample order.
  public static func softmaxCrossEntropy(
    samples: Int, classes: Int, logits: ConstantFloats, labels: UnsafePointer<Int64>,
    labelSmoothing: Float, classWeights: ConstantFloats?, scale: Float, gradient: Floats
  ) -> Double {
    table.pointee.softmaxCrossEntropy(
      Int64(samples), Int64(classes), logits, labels, labelSmoothing, classWeights, scale, gradient)
  }

  /// Probabilities of each row of logits.
  public static func softmax(
    samples: Int, classes: Int, logits: ConstantFloats, probabilities: Floats
  ) {
    split(samples, work: 6 * samples * classes) { range in
      let first = range.lowerBound * classes
      table.pointee.softmax(
        Int64(range.count), Int64(classes), logits + first, probabilities + first)
    }
  }

  /// Sigmoid cross-entropy from logits: the mean over a sample's outputs, summed over samples.
  ///
  /// - Parameters:
  ///   - count: samples times outputs.
  ///   - outputsPerSample: Y.
  ///   - logits: `[n, Y]`.
  ///   - targets: `[n, Y]` in `0 ... 1`.
  ///   - scale: factor of the gradient, not of the returned loss.
  ///   - gradient: receives the logits' gradient.
  /// - Returns: the unscaled sum in Float64.
  public static func binaryCrossEntropy(
    count: Int, outputsPerSample: Int, logits: ConstantFloats, targets: ConstantFloats,
    scale: Float, gradient: Floats
  ) -> Double {
    table.pointee.binaryCrossEntropy(
      Int64(count), Int64(outputsPerSample), logits, targets, scale, gradient)
  }

  /// Squared error: the mean over a sample's outputs, summed over samples; arguments as above.
  public static func meanSquaredError(
    count: Int, outputsPerSample: Int, values: ConstantFloats, targets: ConstantFloats,
    scale: Float, gradient: Floats
  ) -> Double {
    table.pointee.meanSquaredError(
      Int64(count), Int64(outputsPerSample), values, targets, scale, gradient)
  }

  /// Huber's loss: `e² / 2` up to `delta`, `delta (|e| − delta / 2)` beyond; arguments as above.
  public static func huber(
    count: Int, outputsPerSample: Int, delta: Float, values: ConstantFloats,
    targets: ConstantFloats, scale: Float, gradient: Floats
  ) -> Double {
    table.pointee.huber(
      Int64(count), Int64(outputsPerSample), delta, values, targets, scale, gradient)
  }

  /// Bayesian personalised ranking: `−ln σ(x − y)` of the score x of each even row and y of the row behind it.
  ///
  /// Rendle, Freudenthaler, Gantner and Schmidt-Thieme, "BPR: Bayesian personalized ranking from implicit
  /// feedback", 2009. Both rows of a pair count its loss, so the mean over rows is the mean over pairs.
  ///
  /// - Parameters:
  ///   - rows: an even number.
  ///   - scores: one for each row.
  ///   - scale: factor of the gradient, not of the returned loss.
  ///   - gradient: receives `∓2 scale σ(y − x)`.
  /// - Returns: the unscaled sum over the rows in Float64.
  public static func personalizedRanking(
    rows: Int, scores: ConstantFloats, scale: Float, gradient: Floats
  ) -> Double {
    precondition(rows % 2 == 0, "a sample without its negative")
    var sum = 0.0
    for row in stride(from: 0, to: rows, by: 2) {
      let margin = Double(scores[row]) - Double(scores[row + 1])
      let tail = exp(-abs(margin))
      sum += 2 * (max(-margin, 0) + log1p(tail))
      let slope = Float((margin >= 0 ? tail : 1) / (1 + tail))
      gradient[row] = -2 * scale * slope
      gradient[row + 1] = 2 * scale * slope
    }
    return sum
  }

  /// Zeroes each number with probability `rate` and multiplies the rest by `1 / (1 − rate)`.
  ///
  /// Whether a number lives is a function of (seed, path, step, sample number, element) alone, so the
  /// same call on gradients is the backward pass; no rank, thread or order enters.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - width: numbers per sample.
  ///   - rate: in `0 ..< 1`.
  ///   - seed: the run's seed.
  ///   - path: ``pathHash(_:)`` of the layer.
  ///   - step: the optimizer step.
  ///   - sampleNumbers: each sample's number in its split.
  ///   - input: `[n, width]`.
  ///   - output: may be `input`.
  public static func dropout(
    samples: Int, width: Int, rate: Float, seed: UInt64, path: UInt32, step: Int,
    sampleNumbers: UnsafePointer<Int64>, input: ConstantFloats, output: Floats
  ) {
    split(samples, work: 12 * samples * width) { range in
      let first = range.lowerBound * width
      table.pointee.dropout(
        Int64(range.count), Int64(width), rate, seed, RandomPurpose.dropout.rawValue, path,
        UInt32(truncatingIfNeeded: step), sampleNumbers + range.lowerBound, input + first,
        output + first)
    }
  }
}
