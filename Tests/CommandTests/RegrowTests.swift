import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Pruned weights that come back in exchange for others.
  @Suite(.serialized) struct RegrowTests {
    /// 27 steps; weights are exchanged after 5, 8, 11, 14, 17 and 20.
    static let settings = [
      "train.epochs=3", "optimizer={adamW: {learningRate: 0.01, weightDecay: 0.1}}",
      "pruning={lastLayers: true, schedule: {oneShot: {sparsity: 0.8, at: 2}}, "
        + "regrow: {fraction: 0.5, every: 3, until: 23}}",
    ]

    /// What a run says of its choices, in order.
    private func choices(_ run: Run) -> [[String: Any]] {
      run.lines.compactMap { line in
        (line["pruning"] as? [String: Any])?.merging(["step": line["step"] ?? 0]) { $1 }
      }
    }

    @Test(arguments: [
      "{adamW: {learningRate: 0.01, weightDecay: 0.1}}",
      "{sgd: {learningRate: 0.05, momentum: 0.9}}", "{lamb: {learningRate: 0.01}}",
    ])
    func countsAreExactAndBitsDoNotDependOnTheRanks(optimizer: String) throws {
      try withTemporaryFolder { folder in
        var first: Run?
        for ranks in [1, 2, 3, 8] {
          let run = Run(path: folder.file("on-\(ranks)"))
          let result = try Aimass.train(
            Shelf.glyphs.get(), ranks: ranks, output: run.path,
            set: Self.settings + ["optimizer=\(optimizer)", "train.clipNorm=1"])
          #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
          guard let first else {
            first = run
            expectExact(run)
            continue
          }
          #expect(run.digest == first.digest && run.history == first.history, "\(ranks) ranks")
        }
      }
    }

    private func expectExact(_ run: Run) {
      let choices = choices(run)
      #expect(choices.compactMap { $0["step"] as? Int } == [2, 5, 8, 11, 14, 17, 20])
      let weights = choices.first?["weights"] as? Int ?? 0
      let zeros = Int((0.8 * Double(weights)).rounded())
      #expect(choices.allSatisfy { $0["zeros"] as? Int == zeros }, "\(choices)")
      for choice in choices.dropFirst() {
        let step = choice["step"] as? Int ?? 0
        let share = 0.2 * 0.25 * (1 + cos(.pi * Double(step - 2) / 21))
        let between = Int(((0.8 + share) * Double(weights)).rounded())
        #expect(choice["grown"] as? Int == between - zeros, "\(choice)")
      }
      // Masks change, and so does what is live.
      let masks = Set(choices.compactMap { $0["mask"] as? String })
      #expect(masks.count == choices.count, "\(choices)")
    }

    @Test(arguments: [Interruption.Kind.save, .kill], [(2, 3), (4, 1)])
    func anInterruptedExchangeGoesOnExactly(
      kind: Interruption.Kind, ranks: (Int, Int)
    ) throws {
      try Interruption.expectExactResume(
        kind, ranks: ranks,
        [
          "pruning={schedule: {oneShot: {sparsity: 0.8, at: 5}}, regrow: {every: 2, until: 100}}"
        ])
    }

    @Test(.enabled(if: VirtualNodes.areAvailable, "\(VirtualNodes.need)"))
    func nodesSeeTheWholeGradientWhereItCounts() throws {
      try withTemporaryFolder { folder in
        let configuration = try Shelf.glyphs.get()
        let alone = Run(path: folder.file("alone"))
        let single = try Aimass.train(configuration, output: alone.path, set: Self.settings)
        #expect(single.status == 0, "\(single)")
        let run = Run(path: folder.file("nodes"))
        let trained = try VirtualNodes.run(
          slots: [2, 1], "aimass",
          ["train", configuration, "--output", run.path]
            + Self.settings.flatMap { ["--set", $0] },
          environment: Aimass.variables([:]))
        #expect(trained.status == 0, "\(trained)")
        #expect(run.digest == alone.digest && run.history == alone.history)
      }
    }

    @Test(arguments: [
      ("{every: 3, until: 28}", "at most 27"), ("{every: 30, until: 27}", "leaves no exchange"),
      ("{every: 3, until: 23, fraction: 0.0}", "above 0"),
    ])
    func whatCannotBeIsToldBeforeTheFirstStep(regrow: String, sentence: String) throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: folder.file("run"),
          set: Self.settings + ["pruning.regrow=\(regrow)"])
        #expect(result.status == 78, "\(result)")
        #expect(result.errors.contains(sentence), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("run/metrics.jsonl")))
      }
    }
  }
}
