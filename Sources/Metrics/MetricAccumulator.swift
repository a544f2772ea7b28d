import Configuration

/// Counts what one rank sees of a split, so that ranks together measure it exactly.
///
/// Every rank adds its own microbatches, encodes, and one rank merges all encodings. The result
/// has the same bits however the microbatches were dealt: integers are summed, Float64 sums are
/// kept per microbatch and added in index order, and samples are ranked by sorted scores.
///
/// - Cost: memory `8 S (Y + 1)` bytes over all ranks if `rocAUC` or `averagePrecision` is asked,
///   `8 Y²` per rank for `confusion`, otherwise a few numbers per class and microbatch.
public final class MetricAccumulator {
  private var tallies: [HeadTally]

  /// An accumulator that has seen nothing.
  ///
  /// - Parameters:
  ///   - heads: the heads of the model, in order.
  ///   - metrics: what to measure beside the loss. Empty means accuracy and f1Macro for
  ///     classification, accuracy, rocAUC and logLoss for a binary head, f1Macro and rocAUC for
  ///     several labels, rmse and mae for regression. With several heads each gets what fits it.
  /// - Throws: ``MetricError`` with `.unfitting` if a metric fits no head.
  public init(heads: [MetricHead], metrics: [MetricName]) throws(MetricError) {
    tallies = try MetricAccumulator.tallies(heads, metrics)
  }

  static func tallies(
    _ heads: [MetricHead], _ metrics: [MetricName]
  ) throws(MetricError) -> [HeadTally] {
    let assigned = try MetricFit.assign(metrics, to: heads)
    return zip(heads, assigned).map { HeadTally(head: $0, needs: MetricFit.needs(of: $1)) }
  }

  /// Counts one microbatch of one head.
  ///
  /// - Parameters:
  ///   - head: the head's position among the heads.
  ///   - index: the number of the microbatch in the split; each is added once, by one rank.
  ///   - count: N, its samples.
  ///   - outputs: logits or values, `[N, Y]`.
  ///   - labels: class numbers, `[N]`, for classification, and for a binary head that has them.
  ///   - values: truths, `[N, Y]`, for regression and several labels, and for a binary head
  ///     without `labels`; a truth of at least 0.5 is a yes.
  ///   - loss: the sum of the samples' losses.
  ///   - weight: what divides it: the samples, or the sum of their class weights.
  /// - Precondition: the truth that the head's kind needs is there.
  public func add(
    head: Int, microbatch index: Int, count: Int, outputs: UnsafePointer<Float>,
    labels: UnsafePointer<Int64>?, values: UnsafePointer<Float>?, loss: Double, weight: Double
  ) {
    let kind = tallies[head].head.kind
    let width = HeadTally.momentsStart
    var part = HeadTally.Part(
      index: index, count: count, sums: [Double](repeating: 0, count: width))
    part.sums[0] = loss
    part.sums[1] = weight
    switch (kind, labels, values) {
    case (.classification, let labels?, _):
      tallies[head].countClasses(outputs, labels, count, &part)
    case (.binary, let labels?, _):
      tallies[head].countBinary(outputs, count, &part) { Int(labels[$0]) }
    case (.binary, nil, let values?):
      tallies[head].countBinary(outputs, count, &part) { values[$0] >= 0.5 ? 1 : 0 }
    case (.multiLabel, _, let values?):
      tallies[head].countLabels(outputs, values, count, &part)
    case (.regression(let columns), _, let values?):
      for output in 0..<columns {
        part.sums += Moments(outputs, values, count: count, output: output, of: columns).sums
      }
    default:
      preconditionFailure("head \(tallies[head].head.name) was given no truth of its kind")
    }
    tallies[head].parts.append(part)
  }

  /// Counts one microbatch of a head that transcribes sequences.
  ///
  /// - Parameters:
  ///   - head: the head's position among the heads.
  ///   - index: the number of the microbatch in the split; each is added once, by one rank.
  ///   - count: N, its samples.
  ///   - errors: how far what was found is from the truth.
  ///   - loss: the sum of the samples' losses.
  ///   - weight: what divides it: the samples.
  public func add(
    head: Int, microbatch index: Int, count: Int, errors: TranscriptionErrors, loss: Double,
    weight: Double
  ) {
    var part = HeadTally.Part(
      index: index, count: count, sums: [Double](repeating: 0, count: HeadTally.momentsStart))
    (part.sums[0], part.sums[1]) = (loss, weight)
    tallies[head].transcription.merge(errors)
    tallies[head].parts.append(part)
  }

  /// This rank's partial, to be gathered on the rank that merges.
  ///
  /// - Returns: little-endian words; read only by ``merge(_:heads:metrics:samples:)``.
  public func encode() -> [UInt8] {
    var writer = PartialWriter()
    for tally in tallies { tally.write(to: &writer) }
    return writer.bytes
  }

  /// Joins the partials of all ranks, in any order, into the result.
  ///
  /// - Parameters:
  ///   - partials: one encoding per rank, also of ranks that saw nothing.
  ///   - heads: the heads given to the accumulators.
  ///   - metrics: the metrics given to the accumulators.
  ///   - predictions: how many predictions each head made, to check that each was counted; nil for a
  ///     head where that depends on the samples, and which may have made none.
  /// - Returns: loss and metrics over all samples.
  /// - Throws: ``MetricError``: `.empty` without a sample, `.label` if a label lies outside the
  ///   classes, `.coverage` if microbatches are doubled or samples missing, `.partial` if the bytes
  ///   do not fit, `.unfitting` as ``init(heads:metrics:)``.
  public static func merge(
    _ partials: [[UInt8]], heads: [MetricHead], metrics: [MetricName], predictions: [Int?]? = nil
  ) throws(MetricError) -> EvaluationResult {
    var merged = try tallies(heads, metrics)
    for bytes in partials {
      var reader = try PartialReader(bytes)
      for index in merged.indices {
        merged[index].merge(try HeadTally(head: merged[index], from: &reader))
      }
      try reader.expectEnd()
    }
    for index in merged.indices {
      merged[index].parts.sort { $0.index < $1.index }
      // Nobody may have the modality that a head reads, or the evaluation leaves it out.
      let mayBeEmpty = predictions.map { $0[index] == nil } ?? false
      try check(merged[index], predictions?[index], mayBeEmpty: mayBeEmpty)
    }
    return EvaluationResult(merged, asked: try MetricFit.assign(metrics, to: heads))
  }

  private static func check(
    _ tally: HeadTally, _ expected: Int?, mayBeEmpty: Bool
  ) throws(MetricError) {
    let name = tally.head.name
    guard tally.samples > 0 || mayBeEmpty else {
      throw MetricError(
        code: .empty,
        message: "head \(name): nothing to measure, the split has no samples; choose another split")
    }
    for (left, right) in zip(tally.parts, tally.parts.dropFirst()) where left.index == right.index {
      throw MetricError(
        code: .coverage,
        message: "head \(name): microbatch \(left.index) was counted by two ranks; "
          + "each must go to exactly one")
    }
    if let expected, tally.samples != expected {
      throw MetricError(
        code: .coverage,
        message: "head \(name): \(tally.samples) samples were counted, expected \(expected)")
    }
    guard tally.strayLabels == 0 else {
      throw MetricError(
        code: .label,
        message: "head \(name): expected labels in 0..<\(max(2, tally.head.outputs)), found "
          + "\(tally.strayLabel) (\(tally.strayLabels) in all); correct the data or the head's size"
      )
    }
  }
}
