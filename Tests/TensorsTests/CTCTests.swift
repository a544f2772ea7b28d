import Foundation
import Tensors
import TestSupport
import Testing

@Suite("Connectionist temporal classification")
struct CTCTests {
  /// Packed sequences with their labels.
  struct Batch {
    var classes: Int
    var blank: Int
    var steps: [Int]
    var labels: [[Int]]
    var logits: [Float]

    init(classes: Int, blank: Int, steps: [Int], labels: [[Int]], seed: UInt64, factor: Float = 2) {
      (self.classes, self.blank, self.steps, self.labels) = (classes, blank, steps, labels)
      let random = GuardedFloats(random: steps.reduce(0, +) * classes, seed: seed)
      logits = random.array.map { factor * $0 }
    }

    var offsets: [Int] { steps.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) } }

    func run(scale: Float = 1) -> (result: Kernels.CTCResult, gradient: [Float]) {
      let gradient = GuardedFloats(logits.count)
      let input = GuardedFloats(logits.count)
      for index in logits.indices { input.base[index] = logits[index] }
      let count = Kernels.ctcScratchCount(
        steps: steps.max() ?? 0, labels: labels.map(\.count).max() ?? 0)
      let scratch = GuardedFloats(2 * count)
      let targets = labels.flatMap { $0.map(Int64.init) }
      let targetOffsets = labels.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
      let result = scratch.base.withMemoryRebound(to: Double.self, capacity: count) {
        Kernels.ctc(
          samples: steps.count, classes: classes, offsets: offsets, logits: input.pointer,
          targetOffsets: targetOffsets, targets: targets, blank: blank, scale: scale,
          gradient: gradient.base, scratch: $0)
      }
      return (result, gradient.array)
    }

    /// The sum of the losses by adding up all paths.
    func reference(_ logits: [Double]) -> Double {
      steps.indices.reduce(0) { sum, sample in
        let rows = offsets[sample] * classes..<offsets[sample + 1] * classes
        return sum
          + Reference.ctc(
            steps: steps[sample], classes: classes, logits: Array(logits[rows]),
            labels: labels[sample], blank: blank)
      }
    }
  }

  static let batches: [Batch] = [
    Batch(classes: 3, blank: 0, steps: [4, 5], labels: [[1, 2], [2, 2]], seed: 1),
    Batch(classes: 3, blank: 2, steps: [3, 1, 6], labels: [[0, 0], [1], [0, 1, 0]], seed: 2),
    Batch(classes: 4, blank: 1, steps: [5, 3], labels: [[], [3, 0, 2]], seed: 3),
    Batch(classes: 2, blank: 0, steps: [5, 7], labels: [[1, 1, 1], [1, 1]], seed: 4),
    Batch(classes: 1, blank: 0, steps: [2], labels: [[]], seed: 5),
    Batch(classes: 3, blank: 0, steps: [0, 2, 0], labels: [[], [2], []], seed: 6),
  ]

  @Test("Four steps give the recorded loss in every build")
  func recorded() throws {
    var batch = Batch(classes: 3, blank: 0, steps: [4], labels: [[1, 2]], seed: 1)
    batch.logits = (0..<4).flatMap { t in (0..<3).map { Float(sin(Double(3 * t + $0 + 1))) } }
    try onEachBuild { build in
      #expect(abs(batch.run().result.loss - 1.5717085541) <= 3e-7, "\(build)")
    }
  }

  @Test("Loss and gradient equal those of all paths in every build", arguments: batches.indices)
  func paths(index: Int) throws {
    let batch = Self.batches[index]
    let logits = batch.logits.map(Double.init)
    let wanted = batch.reference(logits)
    let slope = logits.indices.map { place in
      var (above, below) = (logits, logits)
      above[place] += 1e-5
      below[place] -= 1e-5
      return (batch.reference(above) - batch.reference(below)) / 2e-5
    }
    try onEachBuild { build in
      let (result, gradient) = batch.run(scale: 0.5)
      #expect(abs(result.loss - wanted) <= 1e-6 * max(1, wanted), "\(build)")
      #expect(result.infeasible == 0, "\(build)")
      for (found, wanted) in zip(gradient, slope) {
        #expect(abs(Double(found) - 0.5 * wanted) <= 1e-6, "\(build)")
      }
    }
  }

  @Test("Samples with too few steps are counted and add nothing, in every build")
  func infeasible() throws {
    let steps = [2, 4, 0, 3]
    let labels = [[1, 1], [1, 2], [2], [1, 1]]
    let batch = Batch(classes: 3, blank: 0, steps: steps, labels: labels, seed: 9)
    var alone = batch
    (alone.steps, alone.labels) = ([4, 3], [[1, 2], [1, 1]])
    alone.logits = Array(batch.logits[6...])
    try onEachBuild { build in
      let (all, some) = (batch.run(), alone.run())
      #expect(all.result.infeasible == 2, "\(build)")
      #expect(all.result.loss == some.result.loss, "\(build)")
      #expect(all.gradient == [Float](repeating: 0, count: 6) + some.gradient, "\(build)")
    }
  }

  @Test("Ten thousand steps, and outputs that are all but impossible, stay finite")
  func long() {
    let long = Batch(
      classes: 5, blank: 0, steps: [10_000], labels: [(0..<300).map { 1 + $0 % 4 }], seed: 10,
      factor: 80)
    let (result, gradient) = long.run()
    #expect(result.loss.isFinite && result.loss > 10_000)
    #expect(gradient.allSatisfy { $0.isFinite && abs($0) <= 1 })
    // Per row the gradient of a softmax sums to zero.
    let row = gradient[0..<5].reduce(0, +)
    #expect(abs(row) <= 1e-5)
  }

  @Test("What is not finite does not stay hidden")
  func notFinite() {
    var batch = Self.batches[0]
    batch.logits[4] = .nan
    #expect(batch.run().result.loss.isNaN)
  }

  private static let script = """
    import sys, json, torch
    torch.set_default_dtype(torch.float64)
    classes, blank, steps, labels, logits = json.loads(sys.argv[1])
    x = torch.tensor(logits).reshape(-1, classes).requires_grad_()
    parts = torch.nn.utils.rnn.pad_sequence(torch.split(x, steps)).log_softmax(2)
    loss = torch.nn.functional.ctc_loss(parts, torch.tensor(sum(labels, [])), torch.tensor(steps),
        torch.tensor([len(l) for l in labels]), blank=blank, reduction='sum', zero_infinity=True)
    loss.backward()
    print(json.dumps([[loss.item()], x.grad.reshape(-1).tolist()]))
    """

  @Test(
    "Loss and gradient equal PyTorch's in every build",
    .enabled(if: Python.has("torch"), "torch is missing"), arguments: [0, 3])
  func torch(blank: Int) throws {
    var draws = Draws(seed: 77)
    let steps = [40, 25, 7, 60, 1, 3]
    let lengths = [11, 12, 7, 30, 1, 3]
    // The third and the last hold repeats and are too short for them.
    let labels = lengths.map { count in
      (0..<count).map { _ in draws.element([1, 2, 4, 5, 6]) }
    }
    let batch = Batch(classes: 7, blank: blank, steps: steps, labels: labels, seed: 20)
    let text = try Python.run(
      Self.script, ["[7,\(blank),\(steps),\(labels),\(batch.logits.map(Double.init))]"])
    let recorded = try JSONDecoder().decode([[Double]].self, from: Data(text.utf8))
    try onEachBuild { build in
      let (result, gradient) = batch.run()
      #expect(abs(result.loss / recorded[0][0] - 1) <= 1e-6, "\(build)")
      #expect(relativeDifference(gradient, recorded[1]) <= 3e-6, "\(build)")
    }
  }
}
