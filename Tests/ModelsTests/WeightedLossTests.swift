import Configuration
import Foundation
import Models
import Tensors
import TestSupport
import Testing

/// Losses in which each prediction has a weight of its own.
@Suite struct WeightedLossTests {
  private static let fields = [
    values("x", [5]), labels("label", classes: 3), values("value", [3]), values("w", []),
  ]

  private static func network(
    _ loss: LossConfiguration, _ target: String, weights: String?
  ) -> ModelConfiguration {
    ModelConfiguration(
      modalities: [ModalityConfiguration(name: "x", field: "x", encoder: [])],
      heads: [
        HeadConfiguration(
          name: "y", layers: [linear(3)], loss: loss, target: target, weights: weights)
      ])
  }

  private static let weights: [Float] = [0.5, 2, 0, 1.25, 3, 0.1, 1]

  private static func bench(
    _ loss: LossConfiguration, _ target: String, weights: String? = "w"
  ) throws -> Bench {
    let bench = try Bench(network(loss, target, weights: weights), fields, capacity: 7)
    for (index, weight) in Self.weights.enumerated() { bench.microbatch.floats(3)[index] = weight }
    for index in 0..<21 {
      let value = bench.microbatch.floats(2)[index]
      bench.microbatch.floats(2)[index] = loss == .binaryCrossEntropy ? (value > 0 ? 1 : 0) : value
    }
    bench.normalizers = [bench.model.normalizerContribution(head: 0, bench.microbatch)]
    return bench
  }

  private static let losses: [(LossConfiguration, String, String)] = [
    (plainCrossEntropy, "label", "F.cross_entropy(z, y, reduction='none')"),
    (
      .crossEntropy(labelSmoothing: 0.1, classWeights: nil), "label",
      "F.cross_entropy(z, y, label_smoothing=0.1, reduction='none')"
    ),
    (.meanSquaredError, "value", "F.mse_loss(z, v, reduction='none').mean(1)"),
    (
      .binaryCrossEntropy, "value",
      "F.binary_cross_entropy_with_logits(z, v, reduction='none').mean(1)"
    ),
    (.huber(delta: 0.7), "value", "F.huber_loss(z, v, delta=0.7, reduction='none').mean(1)"),
  ]

  @Test(
    .enabled(if: Python.has("torch", "numpy"), "torch is missing"), arguments: losses.indices)
  func gradientsAreThoseOfPyTorch(index: Int) throws {
    let (loss, target, formula) = Self.losses[index]
    let bench = try Self.bench(loss, target)
    bench.train()
    let batch = bench.microbatch
    let slots = bench.model.layout.slots.sorted { $0.name < $1.name }
    let (bias, weight) = (slots[0], slots[1])
    let numbers: [String: [Double]] = [
      "x": (0..<35).map { Double(batch.floats(0)[$0]) },
      "y": (0..<7).map { Double(batch.integers(1)[$0]) },
      "v": (0..<21).map { Double(batch.floats(2)[$0]) }, "w": Self.weights.map(Double.init),
      "W": (0..<15).map { Double(bench.store[weight][$0]) },
      "b": (0..<3).map { Double(bench.store[bias][$0]) },
    ]
    let script = """
      import json, sys, torch, torch.nn.functional as F
      d = {k: torch.tensor(v, dtype=torch.float64) for k, v in json.loads(sys.argv[1]).items()}
      x, v, y, w = d['x'].view(7, 5), d['v'].view(7, 3), d['y'].long(), d['w']
      W, b = d['W'].view(3, 5).requires_grad_(), d['b'].requires_grad_()
      z = x @ W.T + b
      loss = (w * \(formula)).sum() / w.sum()
      loss.backward()
      print(json.dumps([[loss.item()], b.grad.tolist(), W.grad.flatten().tolist()]))
      """
    let text = String(decoding: try JSONEncoder().encode(numbers), as: UTF8.self)
    let expected = try JSONDecoder().decode(
      [[Double]].self, from: Data(try Python.run(script, [text]).utf8))
    let gradients = bench.gradientValues.map(Double.init)
    #expect(Golden.isClose([bench.objective], expected[0], bound: 2e-6))
    #expect(Golden.isClose(Array(gradients[bias.range]), expected[1], bound: 2e-6))
    #expect(Golden.isClose(Array(gradients[weight.range]), expected[2], bound: 2e-6))
  }

  @Test func weightsOfClassesAndSamplesMultiply() throws {
    let classes = [0.5, 2, 1.5]
    let bench = try Self.bench(
      .crossEntropy(labelSmoothing: 0, classWeights: classes), "label")
    let expected = Self.weights.indices.reduce(0) {
      $0 + Double(Self.weights[$1]) * classes[Int(bench.microbatch.integers(1)[$1])]
    }
    #expect(abs(bench.normalizers[0] - expected) < 1e-6)
    bench.evaluate()
    let all = bench.model.losses[0]
    for index in 0..<7 { bench.microbatch.floats(3)[index] = index == 4 ? 3 : 0 }
    bench.evaluate()
    let one = bench.model.losses[0]
    bench.microbatch.floats(3)[4] = 0
    bench.evaluate()
    #expect(bench.model.losses[0] == 0 && one > 0 && one < all)
  }

  @Test func weightsOfOneChangeNothing() throws {
    for (loss, target, _) in Self.losses {
      let plain = try Self.bench(loss, target, weights: nil)
      let weighted = try Self.bench(loss, target)
      for index in 0..<7 { weighted.microbatch.floats(3)[index] = 1 }
      weighted.normalizers = [7]
      plain.train()
      weighted.train()
      #expect(plain.gradientValues == weighted.gradientValues, "\(loss)")
      #expect(abs(plain.objective - weighted.objective) < 1e-12)
    }
  }

  @Test func stepsOfSequencesHaveWeights() throws {
    let fields = [
      MicrobatchField(name: "x", sampleShape: [4], element: .float, longest: 9),
      MicrobatchField(name: "label", sampleShape: [], element: .integer, classes: 3, longest: 9),
      MicrobatchField(name: "w", sampleShape: [], element: .float, longest: 9),
    ]
    let bench = try Bench(
      Self.network(plainCrossEntropy, "label", weights: "w"), fields, capacity: 4)
    let count = bench.microbatch.offsets(0)[4]
    for step in 0..<count { bench.microbatch.floats(2)[step] = step % 2 == 0 ? 0.25 : 0 }
    #expect(bench.model.labelOutOfRange(bench.microbatch) == nil)
    let sum = bench.model.normalizerContribution(head: 0, bench.microbatch)
    #expect(sum == 0.25 * Double((count + 1) / 2))
    for sample in 3...4 { bench.microbatch.offsets(2)[sample] += 1 }
    let wrong = try #require(bench.model.labelOutOfRange(bench.microbatch))
    #expect(wrong.description.contains("field 'w'") && wrong.isLength, "\(wrong)")
  }

  @Test(arguments: [-0.5, Float.nan, .infinity]) func badWeightsAreNamed(weight: Float) throws {
    let bench = try Self.bench(.meanSquaredError, "value")
    bench.microbatch.floats(3)[2] = weight
    let wrong = try #require(bench.model.labelOutOfRange(bench.microbatch))
    #expect(
      wrong.description == "heads.y.weights: sample 11 of field 'w' weighs \(weight), expected a "
        + "finite number of at least 0")
  }

  @Test func fieldsThatDoNotFitAreRefused() {
    func message(_ weights: String, _ requireTargets: Bool = true) -> String {
      do {
        _ = try Model(
          Self.network(.meanSquaredError, "value", weights: weights), fields: Self.fields,
          capacity: 2, seed: 0, requireTargets: requireTargets)
        return "no error"
      } catch { return "\(error)" }
    }
    #expect(message("v").hasPrefix("heads.y.weights: expected a field 'v', found x, label"))
    #expect(message("v", false) == "no error")
    #expect(
      message("value") == "heads.y.weights: expected one weight of kind value for each sample in "
        + "'value', found values of shape [3]")
    #expect(message("label").contains("found integers of shape []"))
  }
}
