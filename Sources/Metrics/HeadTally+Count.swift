import Configuration
import Glibc

extension HeadTally {
  /// Counts one microbatch of classification.
  ///
  /// Y is the number of classes. Of equal largest outputs the first one is the prediction, as with
  /// NumPy's `argmax`. The truth is among the five largest if fewer than five outputs are strictly
  /// greater; with five classes or fewer it always is. A sample with a NaN or an infinity predicts
  /// nothing and is wrong.
  mutating func countClasses(
    _ outputs: UnsafePointer<Float>, _ labels: UnsafePointer<Int64>, _ count: Int,
    _ part: inout Part
  ) {
    let classes = head.outputs
    for sample in 0..<count {
      let row = UnsafeBufferPointer(start: outputs + sample * classes, count: classes)
      guard let label = admit(Int(labels[sample]), below: classes) else { continue }
      if needs.contains(.counts) { actual[label] += 1 }
      guard row.allSatisfy(\.isFinite) else {
        nonFinite += 1
        continue
      }
      if needs.contains(.counts) {
        var best = 0
        for index in 1..<max(1, classes) where row[index] > row[best] { best = index }
        note(prediction: best, truth: label)
      }
      if needs.contains(.top5) {
        let greater = row.count { $0 > row[label] }
        if greater < MetricName.topK { amongFive += 1 }
      }
      if !needs.isDisjoint(with: [.logLoss, .scores]) { weigh(row, label, &part) }
    }
  }

  /// Counts one microbatch of yes-or-no answers; a logit above 0 is a yes.
  mutating func countBinary(
    _ outputs: UnsafePointer<Float>, _ count: Int, _ part: inout Part, truth: (Int) -> Int
  ) {
    for sample in 0..<count {
      guard let label = admit(truth(sample), below: 2) else { continue }
      if needs.contains(.counts) { actual[label] += 1 }
      let logit = Double(outputs[sample])
      guard logit.isFinite else {
        nonFinite += 1
        continue
      }
      if needs.contains(.counts) { note(prediction: logit > 0 ? 1 : 0, truth: label) }
      if needs.contains(.logLoss) { part.sums[2] += softplus(label == 1 ? -logit : logit) }
      if needs.contains(.scores) {
        scores.append(logit)
        truths.append(label)
      }
    }
  }

  /// Counts one microbatch of several yes-or-no answers per sample.
  mutating func countLabels(
    _ outputs: UnsafePointer<Float>, _ values: UnsafePointer<Float>, _ count: Int,
    _ part: inout Part
  ) {
    let labels = head.outputs
    for sample in 0..<count {
      let row = UnsafeBufferPointer(start: outputs + sample * labels, count: labels)
      let isFinite = row.allSatisfy(\.isFinite)
      if !isFinite { nonFinite += 1 }
      var allRight = isFinite
      for label in 0..<labels {
        let truth = values[sample * labels + label] >= 0.5
        let answer = isFinite && row[label] > 0
        if answer != truth { allRight = false }
        if needs.contains(.counts) {
          actual[label] += truth ? 1 : 0
          predicted[label] += answer ? 1 : 0
          hits[label] += truth && answer ? 1 : 0
        }
        guard isFinite else { continue }
        let logit = Double(row[label])
        if needs.contains(.logLoss) { part.sums[2] += softplus(truth ? -logit : logit) }
        if needs.contains(.scores) {
          scores.append(logit)
          truths.append(truth ? 1 : 0)
        }
      }
      if allRight { correct += 1 }
    }
  }

  /// The label if it is a class of this head; others are remembered and reported at the end.
  private mutating func admit(_ label: Int, below classes: Int) -> Int? {
    if label >= 0 && label < classes { return label }
    strayLabels += 1
    strayLabel = min(strayLabel, label)
    return nil
  }

  private mutating func note(prediction: Int, truth: Int) {
    predicted[prediction] += 1
    if prediction == truth {
      hits[truth] += 1
      correct += 1
    }
    if needs.contains(.matrix) { matrix[truth * head.categories + prediction] += 1 }
  }

  /// Adds the log loss of one row of logits and keeps its scores.
  ///
  /// Computed in Float64 by log-sum-exp: `−log p(label) = log Σ exp(xᵢ − m) + m − x(label)`. Scores
  /// are the softmax probabilities, and with two classes the difference of the logits, which orders
  /// samples as the probability of class 1 does without ever saturating.
  private mutating func weigh(
    _ row: UnsafeBufferPointer<Float>, _ label: Int, _ part: inout Part
  ) {
    var largest = Double(row[0])
    for value in row { largest = max(largest, Double(value)) }
    var sum = 0.0
    for value in row { sum += exp(Double(value) - largest) }
    let logSum = largest + log(sum)
    if needs.contains(.logLoss) { part.sums[2] += logSum - Double(row[label]) }
    guard needs.contains(.scores) else { return }
    truths.append(label)
    if row.count == 2 {
      scores.append(Double(row[1]) - Double(row[0]))
    } else {
      for value in row { scores.append(exp(Double(value) - logSum)) }
    }
  }

  /// `log(1 + exp(x))` without overflow.
  private func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }
}
