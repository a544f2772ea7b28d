import Configuration

extension HeadTally {
  /// The value of `metric`, or nil where it is undefined or not finite.
  ///
  /// Definitions are scikit-learn's. Averages over classes run over the classes that occur in the
  /// truth or among the predictions; a class without predictions has precision 0, one without truth
  /// recall 0. Areas and average precisions of several classes are unweighted means over all
  /// classes against the rest, and undefined if a class has no sample.
  func value(_ metric: MetricName) -> Double? {
    guard samples > 0 else { return nil }
    let value: Double? =
      switch metric {
      case .loss: loss
      case .accuracy: Double(correct) / Double(samples)
      case .top5: Double(amongFive) / Double(samples)
      case .precisionMicro: ratio(hits.reduce(0, +), predicted.reduce(0, +))
      case .precisionMacro: mean(precision)
      case .precisionWeighted: weighted(precision)
      case .recallMicro: ratio(hits.reduce(0, +), actual.reduce(0, +))
      case .recallMacro: mean(recall)
      case .recallWeighted: weighted(recall)
      case .f1Micro:
        ratio(2 * hits.reduce(0, +), predicted.reduce(0, +) + actual.reduce(0, +))
      case .f1Macro: mean(f1)
      case .f1Weighted: weighted(f1)
      case .rocAUC: ranked(\.areaUnderCurve)
      case .averagePrecision: ranked(\.averagePrecision)
      case .logLoss: logLoss
      case .rmse: overOutputs { $0.rootMeanSquare }
      case .mae: overOutputs { $0.meanAbsolute }
      case .r2: overOutputs { $0.explained }
      case .tokenErrorRate: transcription.tokens.rate
      case .characterErrorRate: transcription.characters.rate
      case .wordErrorRate: transcription.words.rate
      case .confusion: nil
      }
    return value.flatMap { $0.isFinite ? $0 : nil }
  }

  /// The mean loss: the sum of the losses by the sum of the normalisers, in microbatch order.
  var loss: Double { sum(0) / divisor }

  /// What divides the sum of the losses: 0 where nothing was weighed.
  var divisor: Double { sum(1) }

  /// The confusion matrix by rows of equal truth, or nil if it was not asked for.
  var confusion: [[Int]]? {
    guard needs.contains(.matrix) else { return nil }
    let classes = head.categories
    return (0..<classes).map { Array(matrix[$0 * classes..<($0 + 1) * classes]) }
  }

  private func sum(_ slot: Int) -> Double { parts.reduce(0) { $0 + $1.sums[slot] } }

  private var logLoss: Double? {
    guard nonFinite == 0 else { return nil }
    var terms = Double(samples)
    if case .multiLabel(let outputs) = head.kind { terms *= Double(outputs) }
    return sum(2) / terms
  }

  // Per class

  private func ratio(_ part: Int, _ whole: Int) -> Double {
    whole == 0 ? 0 : Double(part) / Double(whole)
  }

  private func precision(_ index: Int) -> Double { ratio(hits[index], predicted[index]) }

  private func recall(_ index: Int) -> Double { ratio(hits[index], actual[index]) }

  private func f1(_ index: Int) -> Double {
    ratio(2 * hits[index], predicted[index] + actual[index])
  }

  /// The mean over the classes that occur; every label counts where samples have several.
  private func mean(_ measure: (Int) -> Double) -> Double {
    var present = hits.indices.filter { predicted[$0] + actual[$0] > 0 }
    if case .multiLabel = head.kind { present = Array(hits.indices) }
    return present.reduce(0) { $0 + measure($1) } / Double(present.count)
  }

  /// The mean over classes, weighted by how often each is true.
  private func weighted(_ measure: (Int) -> Double) -> Double {
    let total = actual.reduce(0, +)
    guard total > 0 else { return 0 }
    return hits.indices.reduce(0) { $0 + Double(actual[$1]) * measure($1) } / Double(total)
  }

  // Over scores

  /// The mean of `measure` over the columns of scores.
  private func ranked(_ measure: (Ranking) -> Double?) -> Double? {
    guard nonFinite == 0 else { return nil }
    let columns = head.scoreColumns
    var sum = 0.0
    for column in 0..<columns {
      guard let value = measure(ranking(column, of: columns)) else { return nil }
      sum += value
    }
    return sum / Double(columns)
  }

  private func ranking(_ column: Int, of columns: Int) -> Ranking {
    var positives: [Double] = []
    var negatives: [Double] = []
    let perScore = truths.count == scores.count
    for row in 0..<scores.count / columns {
      let index = row * columns + column
      let isPositive = perScore ? truths[index] == 1 : truths[row] == column
      if isPositive { positives.append(scores[index]) } else { negatives.append(scores[index]) }
    }
    return Ranking(positives: positives, negatives: negatives)
  }

  // Over outputs

  /// The mean of `measure` over the outputs of a regression.
  private func overOutputs(_ measure: (Moments) -> Double?) -> Double? {
    var sum = 0.0
    for output in 0..<head.outputs {
      let first = HeadTally.momentsStart + output * Moments.width
      var moments = Moments()
      for part in parts {
        let sums = part.sums[first..<first + Moments.width]
        moments.join(Moments(count: part.count, sums: sums))
      }
      guard let value = measure(moments) else { return nil }
      sum += value
    }
    return sum / Double(head.outputs)
  }

  /// Where the moments of the first output begin in a part's sums.
  static let momentsStart = 3
}
