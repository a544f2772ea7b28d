import Foundation
import TestSupport
import Testing

extension JobTests {
  /// A training step after the first asks for no heap memory on the compute thread.
  @Suite(.serialized) struct AllocationTests {
    private func expectNone(
      _ configuration: String, ranks: Int, threads: Int = 1, _ settings: [String] = []
    ) throws {
      let result = try Mpirun.run(
        ranks: ranks, "allocation-checks",
        ["\(threads)", configuration, "distributed.checkEvery=7"] + settings,
        environment: ["AIMASS_DATA": ""])
      #expect(result.status == 0, "\(result)")
      #expect(result.lines(with: ": 0 allocations in").count == ranks, "\(result)")
    }

    private static let encoders = [
      "conv: {out: 4, kernel: 3}}, {batchNorm: {sync: 2}}, relu, flatten, {linear: 8}, {dropout: 0.1",
      "residual: {layers: [{conv: {out: 1, kernel: 3, padding: 1}}, batchNorm]}}, relu, {maxPool: 2}, "
        + "globalAveragePool, {linear: 8",
    ]

    @Test(arguments: encoders, [1, 2]) func pictures(encoder: String, ranks: Int) throws {
      let settings = ["modalities.image.encoder=[{\(encoder)}]"]
      try expectNone(Shelf.glyphs.get(), ranks: ranks, settings)
    }

    @Test(arguments: encoders) func severalThreads(encoder: String) throws {
      let settings = ["modalities.image.encoder=[{\(encoder)}]"]
      try expectNone(Shelf.glyphs.get(), ranks: 1, threads: 3, settings)
    }

    @Test(
      arguments: [
        "{gru: {hidden: 10, layers: 2, bidirectional: true, dropout: 0.1}}, {pool: max}",
        "{transformer: {layers: 2, heads: 3, hidden: 16, dropout: 0.1}}, {pool: mean}",
      ], [1, 2])
    func sentencesOfAnyLength(layers: String, ranks: Int) throws {
      let name = layers.hasPrefix("{gru") ? "counted-gru" : "counted-transformer"
      try expectNone(
        LearningTests.SequenceInvarianceTests.network(name, layers), ranks: ranks)
    }
  }
}
