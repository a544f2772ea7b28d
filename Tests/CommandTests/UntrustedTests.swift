import Foundation
import TestSupport
import Testing

extension JobTests {
  /// Files of strangers are examined by a process of their own before any other opens them.
  @Suite(.serialized, .enabled(if: Python.has("h5py", "numpy"), "h5py is missing"))
  struct UntrustedTests {
    /// Runs a script of Tests/Soak on a small number of cases.
    private static func soak(_ name: String, _ arguments: [String], _ folder: String) throws
      -> ProcessResult
    {
      let variables = try [
        "AIMASS": Aimass.program, "AIMASS_ROOT": Checkout.folder, "AIMASS_SCRATCH": folder,
      ]
      return try runProcess(
        "python3", [Checkout.folder + "/Tests/Soak/" + name] + arguments, environment: variables,
        timeout: 100)
    }

    @Test func hostileFilesAreRefusedByName() throws {
      try withTemporaryFolder { folder in
        let result = try Self.soak("hdf5-hostile", ["--seed", "3", "--count", "1"], folder.path)
        #expect(result.status == 0 && result.output.contains("\"failed\": 0"), "\(result)")
      }
    }

    @Test func damageToOurFilesIsNeverReadAsData() throws {
      try withTemporaryFolder { folder in
        let result = try Self.soak(
          "hdf5-mutations", ["--seed", "3", "--count", "150"], folder.path)
        #expect(result.status == 0 && result.output.contains("\"failed\": 0"), "\(result)")
      }
    }

    private static let hostile = """
      import sys, h5py, numpy as np
      with h5py.File(sys.argv[1], 'w') as f:
        f['x'] = np.zeros((40, 6), 'f4'); f['y'] = np.arange(40) % 3
        f['unused'] = h5py.ExternalLink('/etc/passwd', '/x')
      """

    private static let configuration = """
      name: guest
      data: {file: guest.h5, fields: {x: x, y: {dataset: y, kind: label, classes: 3}}}
      batch: {global: 8, micro: 4}
      modalities: {x: {field: x, encoder: [{linear: 4}]}}
      heads: {y: {layers: [{linear: 3}], loss: crossEntropy, target: y}}
      optimizer: {sgd: {learningRate: 0.1}}
      train: {epochs: 1}

      """

    @Test func everyCommandAsksBeforeItOpens() throws {
      try withTemporaryFolder { folder in
        let path = try folder.write(Self.configuration, to: "guest.yaml")
        let file = folder.file("guest.h5")
        _ = try Python.run(Self.hostile, [file])
        // What training reads of the file is harmless, so it trains; a whole look finds the rest.
        let run = folder.file("run")
        let trusting = try Aimass.train(path, ranks: 2, output: run)
        #expect(trusting.status == 0, "\(trusting)")
        #expect(trusting.output.contains("no checksum covers x, y of"), "\(trusting)")
        let recipe = try folder.write(
          """
          name: guest
          sources: {x: {hdf5: guest.h5, dataset: x}}
          splits: {train: {x: x}}
          fields: {x: {modality: table}}

          """, to: "recipe.yaml")
        let made = folder.file("made.h5")
        for line in [
          ["inspect", file], ["evaluate", run, "--split", "train"],
          ["predict", run, "--split", "train", "-o", folder.file("out.csv")],
          ["prepare", recipe, "-o", made, "--root", folder.path],
          Aimass.trainArguments(path, ranks: 2, output: folder.file("other")),
        ] {
          let result = try Aimass.run(line + ["--untrusted"])
          #expect(result.status == 65, "\(result)")
          let said = "guest.h5: refused by --untrusted: /unused: an external link"
          #expect(result.lines(with: said).count == 1, "\(result)")
        }
        #expect(!FileManager.default.fileExists(atPath: made))
        #expect(Run(path: folder.file("other")).checkpoints.isEmpty)
      }
    }

    /// Makes chunks of no extent, by which HDF5 1.10.8 divides; later versions refuse the file in words.
    private static let fatal = """
      import sys, h5py, numpy as np
      with h5py.File(sys.argv[1], 'w') as f:
        f.create_dataset('x', data=np.arange(64, dtype='f4'), chunks=(16,), fletcher32=True)
      bytes = bytearray(open(sys.argv[1], 'rb').read())
      at = bytes.index(b'\\x03\\x02\\x02', bytes.index(b'fletcher32'))
      bytes[at + 2] = 0
      open(sys.argv[1], 'wb').write(bytes)
      """

    @Test func theDeathOfTheCheckerIsARefusal() throws {
      try withTemporaryFolder { folder in
        let file = folder.file("fatal.h5")
        _ = try Python.run(Self.fatal, [file])
        let alone = try Aimass.run(["check-file", file])
        #expect(alone.status != 0, "\(alone)")
        let result = try Aimass.run(["inspect", file, "--untrusted"])
        #expect(result.status == 65 && result.output.isEmpty, "\(result)")
        #expect(result.lines(with: "refused by --untrusted: ").count == 1, "\(result)")
        if let signal = alone.signal {
          #expect(result.errors.contains("was ended by signal \(signal)"), "\(result)")
        }
      }
    }

    @Test func soundFilesPassOnEveryRank() throws {
      try withTemporaryFolder { folder in
        let trusting = try Aimass.train(
          Shelf.glyphs.get(), ranks: 3, output: folder.file("a"), set: ["train={steps: 3}"])
        let careful = try Aimass.train(
          Shelf.glyphs.get(), ranks: 3, output: folder.file("b"), set: ["train={steps: 3}"],
          ["--untrusted"])
        #expect(trusting.status == 0 && careful.status == 0, "\(careful)")
        #expect(!trusting.output.contains("no checksum"), "\(trusting)")
        #expect(Run(path: folder.file("a")).digest == Run(path: folder.file("b")).digest)
        let shown = try Aimass.run(["inspect", Shelf.file("glyphs.h5"), "--untrusted"])
        #expect(shown.status == 0, "\(shown)")
      }
    }

    @Test func theCheckerSaysWhatItFound() throws {
      try withTemporaryFolder { folder in
        let file = folder.file("guest.h5")
        _ = try Python.run(Self.hostile, [file])
        let sound = try Shelf.file("glyphs.h5")
        _ = try Shelf.glyphs.get()
        let result = try Aimass.run(["check-file", sound, file, folder.file("none.h5")])
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(result.status == 65 && lines.count == 3, "\(result)")
        #expect(lines[0].hasPrefix("sound ") && lines[0].hasSuffix(" \(sound)"), "\(lines)")
        #expect(lines[1].contains("/unused: an external link"), "\(lines)")
        #expect(lines[2].contains("there is no such file"), "\(lines)")
      }
    }
  }
}
