import Foundation
import TestSupport
import Testing

extension JobTests {
  /// What `benchmark input` and `benchmark checkpoint` count; their times are nobody's business here.
  @Suite struct InputBenchmarkTests {
    private func measured(_ ranks: Int, _ words: [String]) throws -> [String: Any] {
      let result = try Aimass.run(ranks: ranks, ["benchmark"] + words + ["--json"])
      #expect(result.status == 0, "\(result)")
      let json = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
      return try #require(json as? [String: Any])
    }

    @Test(arguments: 1...3) func anEpochIsReadOnce(ranks: Int) throws {
      let found = try measured(ranks, ["input", Shelf.glyphs.get(), "--input-only", "--cold"])
      for pass in ["cold", "warm"] {
        let numbers = try #require(found[pass] as? [String: Any])
        #expect(numbers["samples"] as? Int == Shelf.trainingSamples)
        #expect(numbers["amplification"] as? Double == 1 && numbers["decodedBlocks"] as? Int == 0)
        #expect((numbers["samplesOfRanks"] as? [Int])?.count == ranks)
      }
      #expect(found["stepSeconds"] is NSNull && found["globalBatch"] as? Int == 40)
    }

    @Test func theStepIsTimedUnlessNotWanted() throws {
      let words = try [
        "input", Shelf.glyphs.get(), "--batch", "12", "--micro", "4", "--steps", "3",
      ]
      let found = try measured(2, words)
      #expect(found["stepSeconds"] as? Double ?? 0 > 0 && found["cold"] == nil)
      #expect(found["globalBatch"] as? Int == 24 && found["microbatch"] as? Int == 4)
      #expect((found["warm"] as? [String: Any])?["samples"] as? Int == 72)
      let none = try Aimass.run(["benchmark", "input", Shelf.glyphs.get(), "--steps", "0"])
      #expect(none.status == 64 && none.errors.contains("--steps"), "\(none)")
    }

    /// 40 MiB in compressed chunks, in an order of windows.
    private func compressed(_ folder: TemporaryFolder) throws -> String {
      let script = """
        import sys, h5py, numpy as np
        x = np.arange(20000 * 2048).reshape(20000, 2048) % 253
        with h5py.File(sys.argv[1], 'w') as f:
          f.create_dataset('x', data=x.astype('u1'), chunks=(512, 2048), compression=1)
          f['y'] = (np.arange(20000) % 10).astype('i4')
        """
      let result = try Python.attempt(script, folder.file("z.h5"))
      #expect(result.code == 0, "\(result.text)")
      return try folder.write(
        """
        name: packed
        seed: 1
        data: {file: z.h5, shuffle: window, fields: {x: x, y: y}}
        batch: {global: 96, micro: 16}
        modalities: {x: {field: x, encoder: [{linear: {out: 2}}]}}
        heads: {y: {layers: [{linear: {out: 10}}], loss: crossEntropy, target: y}}
        optimizer: {adam: {learningRate: 1.0e-3}}
        train: {epochs: 1}
        """, to: "z.yaml")
    }

    @Test(.enabled(if: Python.hasH5py, "python3 with h5py is not installed"), arguments: 1...3)
    func ranksOfANodeDecodeEachChunkOnce(ranks: Int) throws {
      try withTemporaryFolder { folder in
        let found = try measured(ranks, ["input", compressed(folder), "--input-only"])
        let numbers = try #require(found["warm"] as? [String: Any])
        #expect(numbers["samples"] as? Int == 20_000 && numbers["blocks"] as? Int == 40)
        #expect(numbers["decodedBlocks"] as? Int == 40, "\(numbers)")
        #expect(numbers["amplification"] as? Double ?? 9 <= 1.1, "\(numbers)")
      }
    }

    @Test func aCheckpointIsMeasuredAndTakenAway() throws {
      try withTemporaryFolder { folder in
        for words in [["--parameters", "1001"], [try Shelf.glyphs.get()]] {
          let found = try measured(
            2, ["checkpoint", "--rounds", "1", "--output", folder.path] + words)
          #expect(found["ranks"] as? Int == 2)
          for part in ["copy", "hash", "write", "commit", "verify", "rawWrite", "rawRead"] {
            #expect(found["\(part)Seconds"] as? Double ?? 0 > 0, "\(part): \(found)")
          }
          if words.count == 2 { #expect(found["bytes"] as? Int == 12 * 1001) }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        let missing = try Aimass.run(["benchmark", "checkpoint", "-o", folder.file("none")])
        #expect(missing.status == 73, "\(missing)")
      }
    }
  }
}
