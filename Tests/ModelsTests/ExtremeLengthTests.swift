import Configuration
import Models
import Parameters
import Tensors
import Testing

/// Sequences of no step and of 10,000 steps, side by side, through every layer that reads a whole sequence.
@Suite struct ExtremeLengthTests {
  static let longest = 10_000
  private static let channels = 4

  /// A layer with what it makes of a sequence without steps.
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let layers: [LayerConfiguration]
    /// Whether a sequence becomes one vector.
    let isPool: Bool
    var testDescription: String { name }
  }

  static let cases: [Case] =
    [
      ("lstm", RecurrentTests.stack(.lstm, 4)),
      (
        "stacked lstm in both directions",
        RecurrentTests.stack(.lstm, 2, layers: 2, bidirectional: true)
      ),
      ("gru", RecurrentTests.stack(.gru(.resetAfter), 4)),
      ("original gru", RecurrentTests.stack(.gru(.original), 4)),
      ("attention", .attention(AttentionConfiguration(heads: 1))),
      ("causal attention", .attention(AttentionConfiguration(heads: 2, causal: true))),
    ].map { Case(name: $0.0, layers: [$0.1], isPool: false) }
    + [
      ("mean", StepPool.mean), ("max", .max), ("last", .last), ("attention pool", .attention),
    ].map { Case(name: $0.0, layers: [.pool($0.1)], isPool: true) }

  /// Three sequences: empty, of 10,000 steps, empty; with a target for each step or for each sequence.
  private static func bench(_ subject: Case, lengths: [Int]) throws -> Bench {
    let x = MicrobatchField(
      name: "x", sampleShape: [channels], element: .float, longest: longest)
    let y =
      subject.isPool
      ? values("y", [2])
      : MicrobatchField(name: "y", sampleShape: [2], element: .float, longest: longest)
    // A linear layer before, so that the layer has to give a gradient to its input too.
    let bench = try Bench(
      RecurrentTests.stepwise([linear(channels)] + subject.layers), [x, y],
      capacity: lengths.count)
    for field in 0..<(subject.isPool ? 1 : 2) {
      for (sample, length) in lengths.enumerated() {
        bench.microbatch.offsets(field)[sample + 1] =
          bench.microbatch.offsets(field)[sample] + length
      }
    }
    bench.normalizers = [
      max(1, bench.model.normalizerContribution(head: 0, bench.microbatch, step: 4))
    ]
    return bench
  }

  @Test(arguments: cases) func nothingBecomesNaN(subject: Case) throws {
    let bench = try Self.bench(subject, lengths: [0, Self.longest, 0])
    bench.gradients.values.all.update(repeating: .nan)
    #expect(bench.train().isFinite)
    let gradients = bench.gradientValues
    #expect(gradients.allSatisfy { $0.isFinite })
    #expect(gradients.contains { $0 != 0 })
    bench.evaluate()
    let outputs = bench.output()
    #expect(outputs.count == 2 * (subject.isPool ? 3 : Self.longest))
    #expect(outputs.allSatisfy { $0.isFinite })
    guard subject.isPool else { return }
    // Zeros where there are no steps: the head sees nothing but its bias.
    let bias = Array(bench.store[try #require(bench.model.layout["heads.y.0.bias"])])
    #expect(Array(outputs[..<2]) == bias && Array(outputs[4...]) == bias)
    #expect(Array(outputs[2..<4]) != bias)
  }

  /// A batch of empty sequences moves nothing that reads steps.
  @Test(arguments: cases) func theGradientOfEmptySequencesIsZero(subject: Case) throws {
    let bench = try Self.bench(subject, lengths: [0, 0])
    bench.gradients.values.all.update(repeating: .nan)
    bench.train()
    for slot in bench.model.layout.slots where slot.name != "heads.y.0.bias" {
      #expect(bench.gradientValues[slot.range].allSatisfy { $0 == 0 }, "\(slot.name)")
    }
  }

  /// Empty neighbours add nothing to a gradient, and no rounding either.
  @Test(arguments: cases.filter { !$0.isPool }) func emptyNeighboursAddNothing(
    subject: Case
  ) throws {
    let among = try Self.bench(subject, lengths: [0, 40, 0])
    let alone = try Self.bench(subject, lengths: [40])
    #expect(among.normalizers == alone.normalizers)
    #expect(among.train() == alone.train())
    #expect(among.gradientValues == alone.gradientValues)
  }
}
