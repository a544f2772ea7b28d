import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Weights that are held to something after every step.
  @Suite(.serialized) struct ConstraintTests {
    static let all = [
      "constraint=[{match: \"modalities.image.*.weight\", maxNorm: 0.6}, {match: \"modalities.table.*\", box: 0.2}, "
        + "{match: heads.digit.0.weight, l1: 0.05}, {match: heads.digit.3.weight, quantile: {of: 0.9, at: 5}}]",
      "train.ema=0.9",
    ]

    private func achieved(_ run: Run) throws -> [String: [String: Any]] {
      let list = try #require(run.summary?["constraint"] as? [[String: Any]], "\(run.path)")
      return Dictionary(uniqueKeysWithValues: list.map { ($0["name"] as? String ?? "", $0) })
    }

    @Test(arguments: [
      "{adam: {learningRate: 0.01}}",
      "{sgd: {learningRate: 0.1, momentum: 0.9, groups: [{match: \"*.bias\", freeze: true}]}}",
    ])
    func theyHoldAndTheBitsDoNotDependOnTheRanks(optimizer: String) throws {
      try withTemporaryFolder { folder in
        var first: Run?
        for ranks in [1, 2, 3, 8] {
          let run = Run(path: folder.file("on-\(ranks)"))
          let result = try Aimass.train(
            Shelf.glyphs.get(), ranks: ranks, output: run.path,
            set: Self.all + ["optimizer=\(optimizer)"])
          #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
          guard let first else {
            first = run
            try expectHeld(run)
            continue
          }
          #expect(run.digest == first.digest && run.history == first.history, "\(ranks) ranks")
        }
      }
    }

    private func expectHeld(_ run: Run) throws {
      let tensors = try achieved(run)
      func number(_ name: String, _ key: String) throws -> Double {
        try #require(tensors[name]?[key] as? Double, "\(name).\(key): \(tensors)")
      }
      let norm = try number("modalities.image.0.weight", "largestNorm")
      #expect(norm <= 0.6 * 1.000001 && norm > 0.55)
      // Reading JSON may round the last digit.
      #expect(try abs(number("modalities.table.0.weight", "maximum") - 0.2) < 1e-8)
      #expect(try abs(number("modalities.table.0.weight", "minimum") + 0.2) < 1e-8)
      let dense = try #require(tensors["heads.digit.0.weight"]?["zeros"] as? Int)
      #expect(dense > 100, "\(tensors)")
      let bound = try number("heads.digit.3.weight", "bound")
      #expect(try number("heads.digit.3.weight", "maximum") <= bound)
      #expect(try number("heads.digit.3.weight", "minimum") >= -bound)
    }

    @Test func theLargestStay() throws {
      try withTemporaryFolder { folder in
        let set = ["constraint=[{match: \"*.weight\", topK: 0.25}]"]
        var digests: [String] = []
        for ranks in [1, 3] {
          let run = Run(path: folder.file("on-\(ranks)"))
          let result = try Aimass.train(
            Shelf.glyphs.get(), ranks: ranks, output: run.path, set: set)
          #expect(result.status == 0, "\(result)")
          digests.append(run.digest)
          for (name, tensor) in try achieved(run) {
            let weights = try #require(tensor["weights"] as? Int)
            let zeros = try #require(tensor["zeros"] as? Int)
            #expect(zeros == weights - Int((0.25 * Double(weights)).rounded()), "\(name)")
          }
        }
        #expect(digests[0] == digests[1])
      }
    }

    @Test func aBoxFromSamplesHoldsOnAnyRanks() throws {
      try withTemporaryFolder { folder in
        let set = [
          "constraint=[{match: \"*\", samples: {of: 0.9, at: 2, count: 57}}]",
          "optimizer={adam: {learningRate: 0.05}}",
        ]
        var reached = 0
        var digests: Set<String> = []
        for ranks in [1, 2, 3] {
          let run = Run(path: folder.file("on-\(ranks)"))
          let result = try Aimass.train(
            Shelf.glyphs.get(), ranks: ranks, output: run.path, set: set)
          #expect(result.status == 0, "\(result)")
          digests.insert(run.digest)
          let tensors = try achieved(run)
          #expect(
            Set(tensors.keys) == [
              "modalities.image.0.weight", "modalities.table.0.weight", "heads.digit.0.weight",
              "heads.digit.3.weight",
            ])
          for (name, tensor) in tensors {
            let bound = try #require(tensor["bound"] as? Double, "\(name)")
            let (least, most) = (tensor["minimum"] as? Double, tensor["maximum"] as? Double)
            let largest = max(-(least ?? 0), most ?? 0)
            #expect(largest <= bound * 1.0000001, "\(name): \(tensor)")
            if largest > bound * 0.9999999 { reached += 1 }
          }
        }
        #expect(digests.count == 1 && reached > 0)
      }
    }

    @Test(
      .enabled(
        if: Python.has("h5py", "numpy", "safetensors"), "h5py, numpy or safetensors is missing"))
    func itsBoundIsThatOfTheSamples() throws {
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("run"))
        // One step, after which nothing is near its bound: the weights are those that were measured.
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: run.path,
          set: [
            "constraint=[{match: modalities.table.0.weight, samples: {of: 0.9, at: 1, count: 100}}]",
            "train={steps: 1}",
          ])
        #expect(result.status == 0, "\(result)")
        let weights = folder.file("weights.safetensors")
        let exported = try Aimass.run(["checkpoint", "export", "\(run.path)@last", "-o", weights])
        #expect(exported.status == 0, "\(exported)")
        let bound = try #require(achieved(run)["modalities.table.0.weight"]?["bound"] as? Double)
        let answer = try Python.run(
          """
          import h5py, numpy
          from safetensors.numpy import load_file
          weights = load_file("\(weights)")
          w, b = (weights["modalities.table.0." + part] for part in ("weight", "bias"))
          with h5py.File("\(Shelf.file("glyphs.h5"))") as file:
            field = file["train/table"]
            x = (field[:] - field.attrs.get("mean", 0)) / field.attrs.get("std", 1)
          x = x[[index * 333 // 100 for index in range(100)]].astype("float32")
          def quantile(values):
            values = numpy.sort(numpy.abs(values).ravel())
            return values[int(numpy.ceil(0.9 * values.size)) - 1]
          print(quantile(x @ w.T + b) / quantile(x), numpy.abs(w).max())
          """)
        let numbers = answer.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        try #require(numbers.count == 2)
        #expect(abs(numbers[0] / bound - 1) < 1e-5, "\(numbers), \(bound)")
        #expect(numbers[1] < bound)
      }
    }

    @Test(arguments: [(2, 3), (4, 1)])
    func anInterruptedRunGoesOnExactly(ranks: (Int, Int)) throws {
      try withTemporaryFolder { folder in
        let configuration = try Shelf.glyphs.get()
        let settings = JobTests.ResumeTests.settings + Self.all
        let straight = Run(path: folder.file("straight"))
        let whole = try Aimass.train(configuration, output: straight.path, set: settings)
        #expect(whole.status == 0, "\(whole)")
        let broken = Run(path: folder.file("broken"))
        let stopped = try Interruption.run(
          .kill, after: 40, of: broken.path,
          Aimass.trainArguments(
            configuration, ranks: ranks.0, output: broken.path, set: settings))
        #expect(stopped.status == 70 && broken.summary == nil, "\(stopped)")
        let resumed = try Aimass.train(
          configuration, ranks: ranks.1, output: broken.path, set: settings)
        #expect(resumed.status == 0, "\(resumed)")
        #expect(broken.digest == straight.digest && broken.history == straight.history)
        let bounds = try [straight, broken].map {
          try achieved($0)["heads.digit.3.weight"]?["bound"] as? Double
        }
        #expect(bounds[0] != nil && bounds[0] == bounds[1])
      }
    }

    @Test(arguments: [
      ("{match: \"heds.*\", box: 1}", "'heds.*' fits no parameter"),
      ("{match: \"*.bias\", samples: {of: 1, at: 1}}", "none that samples has a meaning for"),
      ("{match: \"*\", samples: {of: 1, at: 19}}", "constraint.0.samples.at: expected at most 18"),
      ("{match: \"*.bias\", maxNorm: 1}", "none that maxNorm has a meaning for"),
      ("{match: \"*\", quantile: {of: 0.5, at: 19}}", "at most 18"),
    ])
    func whatCannotBeIsToldBeforeTheFirstStep(line: String, sentence: String) throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: folder.file("run"), set: ["constraint=[\(line)]"])
        #expect(result.status == 78, "\(result)")
        #expect(result.errors.contains(sentence), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("run/metrics.jsonl")))
      }
    }
  }
}
