import Configuration
import Foundation
import Metrics
import Testing

/// Splits that are small, one-sided or wrong.
@Suite struct EdgeTests {
  private let digit = MetricHead(
    name: "digit", kind: .classification(classes: 3), lossName: "crossEntropy")
  private let answer = MetricHead(name: "answer", kind: .binary, lossName: "binaryCrossEntropy")
  private let size = MetricHead(
    name: "size", kind: .regression(outputs: 1), lossName: "huber", weight: 0.5)

  private func samples(_ head: MetricHead, _ outputs: [Float], labels: [Int64]) -> Samples {
    Samples(head: head, count: labels.count, outputs: outputs, labels: labels)
  }

  @Test func withoutSamplesThereIsNoResult() throws {
    let accumulator = try MetricAccumulator(heads: [digit], metrics: [])
    let error = #expect(throws: MetricError.self) {
      try MetricAccumulator.merge([accumulator.encode()], heads: [digit], metrics: [])
    }
    #expect(error?.code == .empty)
    #expect(throws: MetricError.self) {
      try MetricAccumulator.merge([], heads: [digit], metrics: [])
    }
  }

  @Test func oneSampleHasNoAreaAndNoShareOfVariance() throws {
    let result = try samples(answer, [2], labels: [1]).measure()
    #expect(result.value(of: "accuracy") == 1)
    #expect(result.value(of: "rocAUC") == nil)
    #expect(result.value(of: "averagePrecision") == 1)
    let number = try Samples(head: size, count: 1, outputs: [3], values: [1]).measure()
    #expect(number.value(of: "rmse") == 2)
    #expect(number.value(of: "r2") == nil)
    #expect(number.json(split: "test").contains("\"r2\": null"))
  }

  @Test func anAbsentClassLeavesTheAreaUndefined() throws {
    let logits: [Float] = [3, 1, 0, 0, 2, 1, 1, 0, 0]
    let result = try samples(digit, logits, labels: [0, 1, 0]).measure()
    #expect(result.value(of: "rocAUC") == nil)
    #expect(result.value(of: "averagePrecision") == nil)
    #expect(result.value(of: "f1Macro") == 1)
    #expect(result.json(split: "test").contains("\"rocAUC\": null"))
    #expect(!result.json(split: "test").lowercased().contains("nan"))
  }

  @Test func aConstantTruthIsExplainedOnlyExactly() throws {
    let exact = try Samples(head: size, count: 3, outputs: [2, 2, 2], values: [2, 2, 2]).measure()
    #expect(exact.value(of: "r2") == 1)
    let off = try Samples(head: size, count: 3, outputs: [2, 2, 3], values: [2, 2, 2]).measure()
    #expect(off.value(of: "r2") == 0)
  }

  @Test func equalOutputsPredictTheFirstClass() throws {
    let result = try samples(digit, [1, 1, 0, 0, 2, 2], labels: [0, 2]).measure()
    #expect(result.heads[0].confusion == [[1, 0, 0], [0, 0, 0], [0, 1, 0]])
  }

  @Test func topFiveCountsOnlyStrictlyGreaterOutputs() throws {
    let head = MetricHead(
      name: "many", kind: .classification(classes: 7), lossName: "crossEntropy")
    let tied: [Float] = [1, 1, 1, 1, 1, 1, 1]
    let sixth: [Float] = [9, 8, 7, 6, 5, 4, 3]
    let result = try samples(head, tied + sixth + sixth, labels: [6, 5, 4]).measure([.top5])
    #expect(result.value(of: "top5") == 2.0 / 3)
  }

  @Test func outputsThatAreNotFiniteCountAsWrong() throws {
    let logits: [Float] = [3, 1, 0, .nan, 2, 1, 0, 0, .infinity]
    let result = try samples(digit, logits, labels: [0, 1, 2]).measure()
    #expect(result.value(of: "accuracy") == 1.0 / 3)
    #expect(result.value(of: "logLoss") == nil)
    #expect(result.value(of: "rocAUC") == nil)
    #expect(result.heads[0].nonFinite == 2)
    #expect(result.json(split: "test").contains("\"nonFiniteSamples\": 2"))
  }

  @Test func labelsOutsideTheClassesAreNamed() throws {
    for (label, head) in [(Int64(3), digit), (-1, digit), (2, answer)] {
      let outputs = [Float](repeating: 0, count: 2 * head.outputs)
      let error = #expect(throws: MetricError.self) {
        try samples(head, outputs, labels: [0, label]).measure([.accuracy])
      }
      #expect(error?.code == .label)
      #expect(error?.message.contains("found \(label)") == true)
    }
  }

  @Test func aMetricThatFitsNoHeadSaysWhatDoes() {
    let error = #expect(throws: MetricError.self) {
      try MetricAccumulator(heads: [size], metrics: [.accuracy])
    }
    #expect(error?.code == .unfitting)
    #expect(
      error?.message
        == "metric accuracy fits no head of this model; what fits is, for size (huber): "
        + "loss rmse mae r2")
  }

  @Test func usualMetricsFollowTheKind() throws {
    func names(_ samples: Samples) throws -> [String] {
      try samples.measure([]).heads[0].metrics.map(\.name)
    }
    #expect(try names(samples(digit, [1, 0, 0], labels: [0])) == ["accuracy", "f1Macro"])
    #expect(
      try names(samples(answer, [1], labels: [0])) == ["accuracy", "rocAUC", "logLoss"])
    #expect(
      try names(Samples(head: size, count: 1, outputs: [1], values: [1])) == ["rmse", "mae"])
  }

  @Test func twoHeadsAreWeightedAndNamed() throws {
    let heads = [digit, size]
    let accumulator = try MetricAccumulator(heads: heads, metrics: [.accuracy, .rmse])
    let logits: [Float] = [1, 0, 0, 0, 1, 0]
    let (labels, truths): ([Int64], [Float]) = ([0, 2], [1, 2])
    accumulator.add(
      head: 0, microbatch: 0, count: 2, outputs: logits, labels: labels, values: nil, loss: 3,
      weight: 2)
    accumulator.add(
      head: 1, microbatch: 0, count: 2, outputs: [1, 4] as [Float], labels: nil, values: truths,
      loss: 2, weight: 2)
    let result = try MetricAccumulator.merge(
      [accumulator.encode()], heads: heads, metrics: [.accuracy, .rmse])
    #expect(result.loss == 2)
    #expect(result.value(of: "digit.loss") == 1.5)
    #expect(result.value(of: "accuracy") == 0.5)
    #expect(result.value(of: "size.rmse") == 2.0.squareRoot())
    #expect(result.value(of: "size.accuracy") == nil)
    #expect(
      result.named.map(\.name) == [
        "loss", "digit.loss", "digit.accuracy", "size.loss", "size.rmse",
      ]
    )
    #expect(
      result.json(split: "test")
        == "{\"split\": \"test\", \"samples\": 2, \"loss\": 2.0, \"heads\": {\"digit\": "
        + "{\"loss\": 1.5, \"accuracy\": 0.5}, \"size\": {\"loss\": 1.0, "
        + "\"rmse\": 1.4142135623730951}}}")
    let copy = try JSONDecoder().decode(
      EvaluationResult.self, from: JSONEncoder().encode(result))
    #expect(copy == result)
  }

  @Test func lossesAndErrorsAreBetterWhenLower() {
    for name in ["loss", "logLoss", "rmse", "digit.mae"] {
      #expect(!EvaluationResult.higherIsBetter(name))
    }
    for name in ["accuracy", "digit.f1Macro", "rocAUC", "r2"] {
      #expect(EvaluationResult.higherIsBetter(name))
    }
  }
}
