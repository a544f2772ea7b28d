import Foundation
import TestSupport
import Testing

extension JobTests {
  /// Ranks that do not hold the same are named before the first step.
  @Suite(.serialized) struct DisagreementTests {
    /// Two ranks as given and a third of another kind.
    private func run(
      _ configuration: String, output: String, odd: [String], program: String? = nil,
      variables: [String] = []
    ) throws -> ProcessResult {
      let program = try program ?? Aimass.program
      return try Mpirun.run(
        ranks: 2, "aimass",
        ["train", configuration, "--output", output, ":", "-np", "1"] + variables + [program]
          + odd + ["--output", output],
        environment: Aimass.variables([:]), timeout: Int(Aimass.patience))
    }

    private func expectNamed(_ result: ProcessResult, _ words: [String], _ output: String) {
      #expect(result.status == 76, "\(result)")
      #expect(result.leftovers.isEmpty)
      for word in ["rank 2 on "] + words { #expect(result.errors.contains(word), "\(result)") }
      #expect(!FileManager.default.fileExists(atPath: output), "nothing may be made")
    }

    @Test func anotherConfigurationIsNamedWithTheKey() throws {
      try withTemporaryFolder { folder in
        let glyphs = try Shelf.glyphs.get()
        let output = folder.file("run")
        let result = try run(
          glyphs, output: output,
          odd: ["train", glyphs, "--set", "optimizer.adam.learningRate=0.5"])
        expectNamed(result, ["configuration", "0.5", "0.002"], output)
      }
    }

    @Test func anotherModelIsNamedBeforeMemoryIsShared() throws {
      try withTemporaryFolder { folder in
        let glyphs = try Shelf.glyphs.get()
        let output = folder.file("run")
        let result = try run(
          glyphs, output: output,
          odd: ["train", glyphs, "--set", "heads.digit.layers=[{linear: {out: 10}}]"])
        expectNamed(result, ["configuration"], output)
      }
    }

    @Test func otherDataAreNamed() throws {
      try withTemporaryFolder { folder in
        let glyphs = try Shelf.glyphs.get()
        let recipe = try folder.write(
          Shelf.glyphsRecipe.replacingOccurrences(of: "seed: 1}", with: "seed: 2}"),
          to: "recipe.yaml")
        let prepared = try Aimass.run(
          ["prepare", recipe, "-o", folder.file("glyphs.h5"), "--root", folder.path])
        #expect(prepared.status == 0, "\(prepared)")
        let copy = try folder.write(Shelf.glyphsConfiguration, to: "glyphs.yaml")
        let output = folder.file("run")
        expectNamed(
          try run(glyphs, output: output, odd: ["train", copy]), ["data", "data files"], output)
      }
    }

    @Test func anotherProgramIsNamed() throws {
      try withTemporaryFolder { folder in
        let glyphs = try Shelf.glyphs.get()
        let copy = folder.file("aimass")
        // By a process of its own: a program that another test starts meanwhile would inherit our open file, and what
        // is open for writing cannot be started.
        let copied = try runProcess(
          "bash", ["-c", "cp \"$0\" \"$1\" && printf x >>\"$1\"", Aimass.program, copy])
        #expect(copied.status == 0, "\(copied)")
        let output = folder.file("run")
        expectNamed(
          try run(glyphs, output: output, odd: ["train", glyphs], program: copy), ["program"],
          output)
      }
    }

    @Test func differingProcessorsTakeWhatAllHave() throws {
      try withTemporaryFolder { folder in
        let glyphs = try Shelf.glyphs.get()
        let mixed = folder.file("mixed")
        let result = try run(
          glyphs, output: mixed, odd: ["train", glyphs],
          variables: ["-x", "AIMASS_KERNELS=baseline", "-x", "OPENBLAS_CORETYPE=Prescott"])
        #expect(result.status == 0, "\(result)")
        #expect(result.output.contains("processors differ"), "\(result)")
        let alike = folder.file("alike")
        let plain = try Aimass.train(
          glyphs, ranks: 2, output: alike,
          environment: ["AIMASS_KERNELS": "baseline", "OPENBLAS_CORETYPE": "Prescott"])
        #expect(plain.status == 0, "\(plain)")
        #expect(Run(path: mixed).digest == Run(path: alike).digest)
        #expect(Run(path: mixed).summary?["kernels"] as? String == "baseline")
      }
    }
  }

  /// What memory does by itself must not go unnoticed.
  @Suite(.serialized) struct CorruptionTests {
    /// Flips a bit of the weights in a running rank from outside, again and again until it ends.
    private static let flipper = """
      import os, re, sys, time
      name, run = sys.argv[1], sys.argv[2]
      deadline = time.time() + 60
      while time.time() < deadline:
          for pid in filter(str.isdigit, os.listdir('/proc')):
              try:
                  words = open(f'/proc/{pid}/cmdline', 'rb').read().split(b'\\0')
                  if run.encode() not in words: continue
                  for line in open(f'/proc/{pid}/maps'):
                      if name not in line: continue
                      start = int(line.split('-')[0], 16)
                      with open(f'/proc/{pid}/mem', 'r+b', buffering=0) as memory:
                          memory.seek(start + 40)
                          byte = memory.read(1)
                          memory.seek(start + 40)
                          memory.write(bytes([byte[0] ^ 1]))
                          print('flipped', flush=True)
                      break
              except OSError:
                  pass
          time.sleep(0.005)
      """

    @Test(.enabled(if: geteuid() == 0, "needs root, to write into a running process"))
    func aFlippedWeightEndsTheRunWithItsName() throws {
      try withTemporaryFolder { folder in
        let run = folder.file("run")
        let glyphs = try Shelf.glyphs.get()
        let script = """
          python3 -c "$1" aimass-weights "$2" >"$2.flips" & flipper=$!
          shift 2
          "$@"
          status=$?
          kill $flipper
          exit $status
          """
        let words = Aimass.trainArguments(
          glyphs, ranks: 2, output: run, set: ["train.epochs=400", "distributed.checkEvery=1"])
        let result = try runProcess(
          "bash", ["-c", script, "bash", Self.flipper, run, Aimass.program] + words,
          environment: Aimass.variables([:]), timeout: Aimass.patience)
        #expect(result.status == 70, "\(result)")
        #expect(result.errors.contains("weights of modalities.image"), "\(result)")
        #expect(result.errors.contains("though nobody wrote it"), "\(result)")
      }
    }
  }
}
