import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Weights that become zero while a run trains.
  @Suite(.serialized) struct PruningTests {
    /// 27 steps, of which the mask is chosen after 2, 7, 12, 17 and 19.
    static let schedule =
      "pruning.schedule={polynomial: {final: 0.85, begin: 2, end: 19, every: 5}}"
    static let length = "train.epochs=3"

    /// What a run says of its last choice.
    private func pruning(_ run: Run) throws -> [String: Any] {
      try #require(run.summary?["pruning"] as? [String: Any], "\(run.path)")
    }

    /// The parameters after the last step, as the checkpoint holds them.
    private func parameters(_ run: Run) throws -> [Float] {
      let folder = run.path + "/checkpoints/" + (try #require(run.checkpoints.last))
      var pieces: [Int: [Float]] = [:]
      for name in try FileManager.default.contentsOfDirectory(atPath: folder)
      where name.hasSuffix(".safetensors") {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
        let length = bytes.withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) }
        let header = try JSONSerialization.jsonObject(with: bytes[8..<8 + length])
        for (tensor, facts) in header as? [String: [String: Any]] ?? [:]
        where tensor.hasPrefix("parameters@") {
          let ends = try #require(facts["data_offsets"] as? [Int])
          let start = try #require(Int(tensor.dropFirst("parameters@".count)))
          pieces[start] = bytes[8 + length + ends[0]..<8 + length + ends[1]].withUnsafeBytes {
            Array($0.bindMemory(to: Float.self))
          }
        }
      }
      return pieces.sorted { $0.key < $1.key }.flatMap(\.value)
    }

    @Test(arguments: [
      ("{adamW: {learningRate: 0.01}}", "magnitude", "global", "train.ema=0.9"),
      ("{sgd: {learningRate: 0.05, momentum: 0.9, nesterov: true}}", "movement", "layer", "seed=3"),
      ("{lamb: {learningRate: 0.01, weightDecay: 0.1}}", "saliency", "global", "train.clipNorm=1"),
      (
        "{lars: {learningRate: 0.5, weightDecay: 0.01}}", "lamp",
        "{groups: [\"modalities.*\", \"*\"]}", "seed=4"
      ),
    ])
    func masksAndBitsDoNotDependOnTheRanks(
      optimizer: String, criterion: String, scope: String, more: String
    ) throws {
      try withTemporaryFolder { folder in
        var first: Run?
        for ranks in [1, 2, 3, 4, 8] {
          let run = Run(path: folder.file("on-\(ranks)"))
          let result = try Aimass.train(
            Shelf.glyphs.get(), ranks: ranks, output: run.path,
            set: [
              Self.length, Self.schedule, "optimizer=\(optimizer)",
              "pruning.criterion=\(criterion)", "pruning.scope=\(scope)", more,
            ])
          #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
          try expectExact(run)
          guard let first else {
            first = run
            continue
          }
          #expect(run.digest == first.digest && run.history == first.history, "\(ranks) ranks")
        }
      }
    }

    /// The zeros are as many as asked for, and where the summary says.
    private func expectExact(_ run: Run) throws {
      let pruning = try pruning(run)
      let tensors = try #require(pruning["tensors"] as? [[String: Any]])
      let weights = tensors.compactMap { $0["weights"] as? Int }
      let zeros = try #require(pruning["zeros"] as? Int)
      #expect(pruning["weights"] as? Int == weights.reduce(0, +))
      #expect(tensors.compactMap { $0["zeros"] as? Int }.reduce(0, +) == zeros)
      // Groups are rounded one by one.
      let whole = Int((0.85 * Double(weights.reduce(0, +))).rounded())
      #expect(abs(zeros - whole) <= tensors.count)
      let steps = run.lines.compactMap { $0["pruning"] == nil ? nil : $0["step"] as? Int }
      #expect(steps == [2, 7, 12, 17, 19])
      // Eight steps after the last choice nothing has come back.
      let found = try parameters(run).count { $0.bitPattern == 0 }
      #expect(found >= zeros && found < zeros + 40, "\(found) zeros, \(zeros) pruned")
    }

    @Test(arguments: [Interruption.Kind.save, .kill], [(2, 3), (4, 1)])
    func anInterruptedScheduleGoesOnExactly(
      kind: Interruption.Kind, ranks: (Int, Int)
    ) throws {
      try Interruption.expectExactResume(
        kind, ranks: ranks,
        [
          "pruning={criterion: movement, schedule: {polynomial: {final: 0.8, begin: 5, end: 90, every: 4}}}"
        ])
    }

    @Test(arguments: [
      "{pattern: {group: {keep: 1, of: 4}}, schedule: {oneShot: {at: 5}}}",
      "{pattern: {block: [2, 4]}, schedule: {polynomial: {final: 0.7, begin: 2, end: 14, every: 3}}}",
      "{pattern: {block: [1, 8]}, criterion: lamp, scope: layer, schedule: {constant: {sparsity: 0.5, every: 6}}}",
    ])
    func patternsDoNotDependOnTheRanksEither(pruning: String) throws {
      try withTemporaryFolder { folder in
        let configuration = try Shelf.glyphs.get()
        let settings = ["pruning=\(pruning)", "train.epochs=null", "train.ema=0.9"]
        var first: Run?
        for ranks in 1...4 {
          let run = Run(path: folder.file("on-\(ranks)"))
          // Between two choices, and from other ranks on.
          for (count, steps) in [(ranks, 15), (5 - ranks, 18)] {
            let result = try Aimass.train(
              configuration, ranks: count, output: run.path,
              set: settings + ["train.steps=\(steps)"])
            #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
          }
          let own = try pruningText(run)
          #expect(own == (try first.map(pruningText) ?? own), "\(ranks) ranks")
          #expect(run.digest == first?.digest ?? run.digest, "\(ranks) ranks")
          first = first ?? run
        }
      }
    }

    /// The mask and the zeros of every tensor.
    private func pruningText(_ run: Run) throws -> String {
      let data = try JSONSerialization.data(
        withJSONObject: pruning(run), options: .sortedKeys)
      return String(decoding: data, as: UTF8.self)
    }

    @Test(arguments: ["weights: 4", "learningRate: 4"])
    func rewindingGoesOnExactlyToo(rewind: String) throws {
      try withTemporaryFolder { folder in
        let configuration = try Shelf.glyphs.get()
        let settings = [
          "optimizer={adam: {learningRate: 0.01}}", "schedule=cosine", "checkpoint.everySteps=1",
          "pruning.schedule={iterative: {final: 0.7, fraction: 0.4, begin: 9, every: 5, rewind: {\(rewind)}}}",
        ]
        let straight = Run(path: folder.file("straight"))
        let whole = try Aimass.train(
          configuration, output: straight.path, set: settings + [Self.length])
        #expect(whole.status == 0, "\(whole)")
        let broken = Run(path: folder.file("broken"))
        // Rounds end after 9, 14 and 19 steps; 11 and 18 are between two of them.
        for (ranks, steps) in [(2, 19), (3, 27)] {
          let part = try Aimass.train(
            configuration, ranks: ranks, output: broken.path,
            set: settings + ["train.epochs=null", "train.steps=\(steps)"])
          #expect(part.status == 0, "\(part)")
        }
        #expect(broken.digest == straight.digest)
        let rates = straight.lines.compactMap {
          $0["learningRate"] as? Double
        }
        // Steps 10 and 15 replay the fifth.
        #expect(rates.count == 27 && rates[9] == rates[4] && rates[14] == rates[4])
        #expect(rates[4] != rates[3])
        #expect(try pruning(straight)["sparsity"] as? Double ?? 0 > 0.69)
      }
    }

    @Test(
      .enabled(if: VirtualNodes.areAvailable, "\(VirtualNodes.need)"),
      arguments: [[1, 1], [2, 2]])
    func onlyWhatLivesTravels(slots: [Int]) throws {
      try withTemporaryFolder { folder in
        let configuration = try Shelf.wide.get()
        var bytes: [Int] = []
        // The last begins after an evaluation, so that other nodes hold an average of what is pruned.
        for (share, step) in [("0.0", 0), ("0.9", 0), ("0.9", 6)] {
          let settings = [
            Self.length, step > 0 ? "train.ema=0.5" : "seed=7",
            "pruning={scope: layer, lastLayers: true, embeddings: true, schedule: {oneShot: {sparsity: \(share), at: \(step)}}}",
          ]
          let alone = Run(path: folder.file("alone-\(share)-\(step)"))
          let run = Run(path: folder.file("nodes-\(share)-\(step)"))
          let single = try Aimass.train(configuration, output: alone.path, set: settings)
          #expect(single.status == 0, "\(single)")
          let trained = try VirtualNodes.run(
            slots: slots, "aimass",
            ["train", configuration, "--output", run.path] + settings.flatMap { ["--set", $0] },
            environment: Aimass.variables([:]))
          #expect(trained.status == 0, "\(trained)")
          #expect(run.digest == alone.digest && run.history == alone.history)
          bytes.append(run.summary?["wireBytes"] as? Int ?? 0)
        }
        #expect(bytes[1] > 0 && Double(bytes[1]) <= 0.15 * Double(bytes[0]), "\(bytes)")
        #expect(bytes[1] < bytes[2] && bytes[2] < bytes[0], "\(bytes)")
      }
    }

    @Test(arguments: [
      (["pruning.include=[\"heds.*\"]"], "'heds.*' fits nothing"),
      (["pruning.schedule.polynomial.end=28"], "its last step is 28, but this run has 27 steps"),
      (["pruning.keepAtLeast=0.2"], "keepAtLeast leaves"),
      (["pruning.exclude=[\"*\"]"], "no weights are left"),
      (
        ["pruning.include=[\"heads.digit.*\"]", "pruning.exclude=[\"heads.digit.0.*\"]"],
        "no weights are left"
      ),
    ])
    func whatCannotBeIsToldBeforeTheFirstStep(settings: [String], sentence: String) throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: folder.file("run"),
          set: [Self.length, Self.schedule] + settings)
        #expect(result.status == 78, "\(result)")
        #expect(result.errors.contains(sentence), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("run/metrics.jsonl")))
      }
    }

    @Test func planAndReportShowWhatIsPruned() throws {
      try withTemporaryFolder { folder in
        let configuration = try Shelf.glyphs.get()
        let words = [Self.length, Self.schedule].flatMap { ["--set", $0] }
        let plan = try Aimass.run(["plan", configuration] + words)
        #expect(plan.status == 0, "\(plan)")
        #expect(plan.lines(with: "zeros after step 19").count == 1, "\(plan)")
        #expect(plan.lines(with: "choices of the mask, from step 2").count == 1, "\(plan)")
        let run = Run(path: folder.file("run"))
        let result = try Aimass.train(
          configuration, output: run.path, set: [Self.length, Self.schedule])
        #expect(result.status == 0, "\(result)")
        let report = try String(contentsOfFile: run.path + "/report.html", encoding: .utf8)
        #expect(report.contains("<h2>Pruning</h2>") && report.contains("chosen last after step 19"))
      }
    }

    @Test(
      .enabled(
        if: (try? Products.faultProgram) != nil, "the program with fault points is not built"),
      arguments: [
        ("memoryAtRest:6:flip@mask", 70, "the pruning mask changed between the updates"),
        ("weightsMoved:12:nan@heads.digit.0.weight", 79, "heads.digit.0.weight"),
      ])
    func aDamagedMaskAndANaNAreTold(fault: String, status: Int32, sentence: String) throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.run(
          fault: fault,
          Aimass.trainArguments(
            Shelf.glyphs.get(), ranks: 2, output: folder.file("run"),
            set: [Self.length, Self.schedule, "distributed.checkEvery=1", "batch.micro=20"]))
        #expect(result.status == status, "\(result)")
        #expect(result.errors.contains(sentence), "\(result)")
      }
    }
  }
}
