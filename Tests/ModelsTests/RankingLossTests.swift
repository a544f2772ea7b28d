import Configuration
import Foundation
import Models
import Tensors
import Testing

/// Bayesian personalised ranking: rows in pairs, a sample and its negative.
@Suite struct RankingLossTests {
  @Test func kernelIsTheFormula() {
    let margins: [Double] = [0, 1, -2.5, 40, -40, 800, -800]
    let scores = margins.flatMap { [Float($0 + 3), 3] }
    var gradient = [Float](repeating: .nan, count: scores.count)
    let sum = Kernels.personalizedRanking(
      rows: scores.count, scores: scores, scale: 0.5, gradient: &gradient)
    var expected = 0.0
    for (pair, margin) in margins.enumerated() {
      // −ln σ(m) of both rows of a pair, and its derivative −σ(−m).
      expected += 2 * (margin > 0 ? log1p(exp(-margin)) : log1p(exp(margin)) - margin)
      let slope = margin > 0 ? exp(-margin) / (1 + exp(-margin)) : 1 / (1 + exp(margin))
      #expect(abs(Double(gradient[2 * pair]) + slope) < 1e-7)
      #expect(gradient[2 * pair + 1] == -gradient[2 * pair])
    }
    #expect(abs(sum - expected) < 1e-9 * expected)
  }

  private static func network(_ layers: [LayerConfiguration]) -> ModelConfiguration {
    ModelConfiguration(
      modalities: [
        ModalityConfiguration(
          name: "u", field: "u", encoder: [.embedding(vocabulary: 5, size: 4)]),
        ModalityConfiguration(
          name: "i", field: "i", encoder: [.embedding(vocabulary: 7, size: 2)]),
        ModalityConfiguration(name: "f", field: "f", encoder: [linear(2)]),
      ],
      heads: [HeadConfiguration(name: "y", layers: layers, loss: .bpr, target: "", weight: 0.7)])
  }

  private static let fields = [
    labels("u", classes: 5), labels("i", classes: 7), values("f", [3]),
  ]

  @Test func gradientsAreThoseOfTheForwardPass() throws {
    let layers = [LayerConfiguration.dot(biases: true, offset: 0)]
    let bench = try Bench(Self.network(layers), Self.fields, capacity: 8)
    FiniteDifference.disturb(bench.store)
    #expect(bench.train() > 0.1)
    FiniteDifference.check(
      bench.model.layout, bench.store.base, analytic: bench.gradientValues.map(Double.init)
    ) { bench.train() }
    // A constant moves no margin.
    let offset = try #require(bench.model.layout.slots.last)
    #expect(abs(bench.gradientValues[offset.offset]) < 1e-7)
  }

  @Test func nothingIsMeasuredOutsideOfTraining() throws {
    let bench = try Bench(
      Self.network([.dot(biases: false, offset: 0)]), Self.fields, capacity: 3)
    bench.evaluate()
    #expect(bench.model.losses[0] == 0 && bench.model.heads[0].targetIndex == nil)
    #expect(bench.output().count == 3)
  }

  @Test func itWantsOneScore() throws {
    #expect {
      _ = try Model(Self.network([linear(2)]), fields: Self.fields, capacity: 2, seed: 1)
    } throws: { "\($0)".hasPrefix("heads.y: bpr expected one score for every sample, found [2]") }
    var optional = Self.fields
    optional[2] = MicrobatchField(
      name: "f", sampleShape: [3], element: .float, isOptional: true)
    var configuration = Self.network([linear(1)])
    configuration.heads[0].source = "f"
    configuration.heads.append(
      HeadConfiguration(name: "z", layers: [linear(1)], loss: .bpr, target: ""))
    #expect {
      _ = try Model(configuration, fields: optional, capacity: 2, seed: 1)
    } throws: { "\($0)".contains("read modalities that no sample lacks") }
  }
}
