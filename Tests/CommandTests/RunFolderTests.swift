import Foundation
import TestSupport
import Testing

extension JobTests {
  /// Whose a run folder is, and what may happen to it.
  @Suite(.serialized) struct RunFolderTests {
    /// A finished short run in a folder of its own.
    private func withRun(_ body: (TemporaryFolder, Run, String) throws -> Void) throws {
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("run"))
        let configuration = try Shelf.glyphs.get()
        let result = try Aimass.train(configuration, output: run.path, set: ["train.epochs=1"])
        #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
        try body(folder, run, configuration)
      }
    }

    @Test func aCompleteRunSaysSoAndAnotherIsRefused() throws {
      try withRun { folder, run, configuration in
        let before = snapshot(folder.path)
        let again = try Aimass.train(
          configuration, ranks: 2, output: run.path, set: ["train.epochs=1"])
        #expect(again.status == 0, "\(again)")
        #expect(again.lines(with: "the run is complete").count == 1, "\(again)")
        #expect(snapshot(folder.path) == before)
        let other = try Aimass.train(
          configuration, ranks: 2, output: run.path, set: ["train.epochs=1", "seed=8"])
        expectRefusal(other, 73, ["holds another run", "seed: 8", "--fresh"])
        let rounded = try Aimass.train(
          configuration, ranks: 2, output: run.path,
          set: ["train.epochs=1", "train.precision=bfloat16"])
        expectRefusal(rounded, 73, ["holds another run", "precision: bfloat16"])
        #expect(snapshot(folder.path) == before)
      }
    }

    /// What follows from memory or ranks where nothing is said is decided once.
    @Test func theOrderOfTheFirstStartStays() throws {
      try withTemporaryFolder { folder in
        let run = folder.file("run")
        let configuration = try Shelf.glyphs.get()
        let first = try Aimass.train(
          configuration, output: run, set: ["train.epochs=1", "data.shuffle=window"])
        #expect(first.status == 0, "\(first)")
        let again = try Aimass.train(configuration, output: run, set: ["train.epochs=1"])
        #expect(again.status == 0, "\(again)")
        #expect(again.lines(with: "the run is complete").count == 1, "\(again)")
        let other = try Aimass.train(
          configuration, output: run, set: ["train.epochs=1", "data.shuffle=full"])
        expectRefusal(other, 73, ["holds another run", "shuffle: full"])
      }
    }

    @Test func freshRenamesTheOldRunAside() throws {
      try withRun { folder, run, configuration in
        let before = snapshot(run.path)
        let fresh = try Aimass.train(
          configuration, output: run.path, set: ["train.epochs=1", "seed=8"], ["--fresh"])
        #expect(fresh.status == 0, "\(fresh)")
        #expect(fresh.lines(with: "is now \(run.path).old-1").count == 1, "\(fresh)")
        var aside = snapshot(run.path + ".old-1")
        // The lock file names its last holder; the rest must be as it was.
        aside["LOCK"] = before["LOCK"]
        #expect(aside == before)
        #expect(Run(path: run.path).digest != Run(path: run.path + ".old-1").digest)
      }
    }

    @Test(arguments: [[], ["--fresh"]])
    func aFolderInUseIsLocked(more: [String]) throws {
      try withTemporaryFolder { folder in
        let run = folder.file("run")
        let words = Aimass.trainArguments(
          try Shelf.glyphs.get(), ranks: 2, output: run, set: ["train.epochs=200"])
        let second = try Interruption.run(
          .freeze, after: 12, of: run, words, meanwhile: words + more)
        #expect(second.status == 77, "\(second)")
        #expect(second.lines(with: "is in use by another job").count == 1, "\(second)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(names == ["run"])
      }
    }

    @Test func aDryRunLeavesNothing() throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: folder.file("run"), ["--dry-run"])
        #expect(result.status == 0, "\(result)")
        #expect(result.lines(with: "nothing was kept").count == 1, "\(result)")
        #expect(snapshot(folder.path).isEmpty)
      }
    }

    @Test func aPlaceThatIsNoRunFolderIsRefused() throws {
      try withTemporaryFolder { folder in
        try folder.write("mine", to: "file")
        try folder.write("mine", to: "occupied/notes.txt")
        let before = snapshot(folder.path)
        for (output, word) in [("file", "no run folder"), ("occupied", "no run folder")] {
          let result = try Aimass.train(Shelf.glyphs.get(), output: folder.file(output))
          expectRefusal(result, 73, [word])
        }
        // Also root cannot make a folder here.
        let result = try Aimass.train(Shelf.glyphs.get(), output: "/proc/aimass/run")
        expectRefusal(result, 73, ["/proc/aimass", "cannot be created"])
        let below = try Aimass.train(Shelf.glyphs.get(), output: folder.file("file/run"))
        expectRefusal(below, 73, ["file/run", "cannot be created"])
        #expect(snapshot(folder.path) == before)
      }
    }
  }
}

/// One line on the error output that begins `aimass: `, contains all of `words`, and a status.
func expectRefusal(
  _ result: ProcessResult, _ status: Int32, _ words: [String],
  _ place: SourceLocation = #_sourceLocation
) {
  #expect(result.status == status, "\(result)", sourceLocation: place)
  let lines = result.errors.split(separator: "\n").map(String.init)
  #expect(lines.count == 1, "\(result)", sourceLocation: place)
  #expect(lines.first?.hasPrefix("aimass: ") == true, "\(result)", sourceLocation: place)
  for word in words {
    #expect(lines.first?.contains(word) == true, "\(word): \(result)", sourceLocation: place)
  }
  #expect(result.leftovers.isEmpty, "\(result)", sourceLocation: place)
}
