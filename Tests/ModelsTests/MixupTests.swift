import Configuration
import Foundation
import Models
import Parameters
import Tensors
import TestSupport
import Testing

/// Samples that are mixed in pairs.
@Suite struct MixupTests {
  private static let alpha = 0.4

  private static func network(
    mixup: Double? = alpha, drop: Double = 0, loss: LossConfiguration = plainCrossEntropy,
    layers: [LayerConfiguration] = [linear(3)]
  ) -> ModelConfiguration {
    ModelConfiguration(
      modalities: [
        ModalityConfiguration(name: "x", field: "x", encoder: [linear(4), norm, relu]),
        ModalityConfiguration(name: "v", field: "v", encoder: [conv(2, 2), relu, .flatten]),
      ],
      missing: MissingConfiguration(drop: drop > 0 ? [.init(modality: "v", rate: drop)] : []),
      heads: [
        HeadConfiguration(name: "y", layers: layers, loss: loss, target: "y"),
        HeadConfiguration(
          name: "z", layers: [linear(2)], loss: .meanSquaredError, target: "z", weight: 0.5),
      ], mixup: mixup.map { MixupConfiguration(alpha: $0) })
  }

  private static let fields = [
    values("x", [5]), values("v", [3, 3, 1]), labels("y", classes: 3), values("z", [2]),
  ]

  @Test(arguments: [0, 0.5])
  func gradientsAreThoseOfTheForwardPass(drop: Double) throws {
    let bench = try Bench(Self.network(drop: drop), Self.fields, capacity: 6)
    FiniteDifference.disturb(bench.store)
    bench.train()
    FiniteDifference.check(
      bench.model.layout, bench.store.base, analytic: bench.gradientValues.map(Double.init)
    ) { bench.train() }
  }

  /// Shares and partners of a pass, drawn as the model draws them.
  private func mixture(_ bench: Bench, alpha: Double, step: Int) -> ([Float], [Int64]) {
    let count = bench.microbatch.count
    var shares = [Float](repeating: 0, count: count)
    var partners = [Int64](repeating: 0, count: count)
    Kernels.drawMixture(
      samples: count, alpha: alpha,
      random: PassRandom(
        seed: 11, path: pathHash("mixup"), step: step,
        sampleNumbers: UnsafePointer(bench.microbatch.sampleNumbers)),
      shares: &shares, partners: &partners)
    return (shares, partners)
  }

  @Test func lossAndGradientAreThoseComputedByHand() throws {
    let plain = ModelConfiguration(
      modalities: [ModalityConfiguration(name: "x", field: "x", encoder: [])],
      heads: [
        HeadConfiguration(name: "y", layers: [linear(3)], loss: plainCrossEntropy, target: "y")
      ], mixup: MixupConfiguration(alpha: 1))
    let bench = try Bench(plain, [values("x", [5]), labels("y", classes: 3)], capacity: 7)
    FiniteDifference.disturb(bench.store)
    let objective = bench.train(step: 9)
    let (shares, partners) = mixture(bench, alpha: 1, step: 9)
    let x = bench.microbatch.floats(0)
    let y = bench.microbatch.integers(1)
    let (weight, bias) = (bench.model.layout.slots[0].offset, bench.model.layout.slots[1].offset)
    var loss = 0.0
    var gradient = [Double](repeating: 0, count: 15)
    for sample in 0..<7 {
      let (share, partner) = (Double(shares[sample]), Int(partners[sample]))
      let mixed = (0..<5).map {
        share * Double(x[sample * 5 + $0]) + (1 - share) * Double(x[partner * 5 + $0])
      }
      let logits = (0..<3).map { row in
        (0..<5).reduce(Double(bench.store.base[bias + row])) {
          $0 + Double(bench.store.base[weight + row * 5 + $1]) * mixed[$1]
        }
      }
      let total = logits.reduce(0) { $0 + exp($1) }
      for (label, part) in [(Int(y[sample]), share), (Int(y[partner]), 1 - share)] {
        loss -= part * log(exp(logits[label]) / total) / 7
        for row in 0..<3 {
          let error = exp(logits[row]) / total - (row == label ? 1 : 0)
          for column in 0..<5 { gradient[row * 5 + column] += part * error * mixed[column] / 7 }
        }
      }
    }
    #expect(abs(objective - loss) < 1e-6)
    for index in 0..<15 {
      #expect(abs(Double(bench.gradientValues[weight + index]) - gradient[index]) < 1e-6)
    }
  }

  @Test func evaluationIsUntouched() throws {
    let mixed = try Bench(Self.network(), Self.fields, capacity: 6)
    let plain = try Bench(Self.network(mixup: nil), Self.fields, capacity: 6)
    mixed.train()
    for bench in [mixed, plain] { bench.evaluate() }
    #expect(mixed.output(0) == plain.output(0) && mixed.output(1) == plain.output(1))
    #expect((0..<2).allSatisfy { mixed.model.losses[$0] == plain.model.losses[$0] })
    mixed.train()
    plain.train()
    #expect(mixed.gradientValues != plain.gradientValues)
  }

  @Test func aSampleAloneIsItself() throws {
    let mixed = try Bench(Self.network(), Self.fields, capacity: 6, count: 1)
    let plain = try Bench(Self.network(mixup: nil), Self.fields, capacity: 6, count: 1)
    #expect(abs(mixed.train() - plain.train()) < 1e-6)
  }

  @Test(arguments: [0.01, 0.2, 1, 5])
  func sharesHaveTheBetaDistribution(alpha: Double) {
    let count = 20_000
    let numbers = (0..<count).map { Int64($0) }
    var shares = [Float](repeating: 0, count: count)
    var partners = [Int64](repeating: 0, count: count)
    numbers.withUnsafeBufferPointer { numbers in
      guard let first = numbers.baseAddress else { return }
      Kernels.drawMixture(
        samples: count, alpha: alpha,
        random: PassRandom(seed: 3, path: 7, step: 2, sampleNumbers: first), shares: &shares,
        partners: &partners)
    }
    #expect(shares.allSatisfy { $0 >= 0 && $0 <= 1 })
    let mean = shares.reduce(0) { $0 + Double($1) } / Double(count)
    let variance = shares.reduce(0) { $0 + (Double($1) - 0.5) * (Double($1) - 0.5) } / Double(count)
    let wanted = 1 / (4 * (2 * alpha + 1))
    // Four standard errors; that of a variance is at most that of values at both ends.
    #expect(abs(mean - 0.5) < 4 * (wanted / Double(count)).squareRoot())
    #expect(abs(variance - wanted) < 4 * wanted * (2 / Double(count)).squareRoot())
    #expect(Set(partners).count == count)
    #expect(partners.enumerated().allSatisfy { Int($1) != $0 })
  }

  @Test func refusesWhatCannotBeMixed() {
    func message(_ configuration: ModelConfiguration, _ fields: [MicrobatchField]) -> String {
      do {
        _ = try Model(configuration, fields: fields, capacity: 4, seed: 1)
        return "compiled"
      } catch { return "\(error)" }
    }
    var fields = Self.fields
    fields[0] = MicrobatchField(name: "x", sampleShape: [5], element: .float, longest: 3)
    #expect(message(Self.network(), fields).contains("found samples of unequal length"))
    fields[0] = MicrobatchField(name: "x", sampleShape: [5], element: .float, isOptional: true)
    #expect(message(Self.network(), fields).contains("found samples that may lack it"))
    fields[0] = labels("x", [5], classes: 4)
    #expect(message(Self.network(), fields).contains("found ids"))
    let weighted = LossConfiguration.crossEntropy(labelSmoothing: 0, classWeights: [1, 2, 3])
    #expect(message(Self.network(loss: weighted), Self.fields).contains("found classWeights"))
    #expect(message(Self.network(mixup: 0), Self.fields).contains("expected alpha above 0"))
  }
}
