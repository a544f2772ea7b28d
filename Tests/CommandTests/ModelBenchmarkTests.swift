import Foundation
import TestSupport
import Testing

extension JobTests {
  /// What `benchmark model` times are the steps of training.
  @Suite struct ModelBenchmarkTests {
    private func measured(
      _ words: [String], of configuration: String? = nil
    ) throws -> [String: Any] {
      let result = try Aimass.run(
        ranks: 2, ["benchmark", "model", configuration ?? Shelf.glyphs.get(), "--json"] + words)
      #expect(result.status == 0, "\(result)")
      let json = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
      return try #require(json as? [String: Any])
    }

    @Test func itsStepsAreThoseOfARun() throws {
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("run"))
        let trained = try Aimass.train(Shelf.glyphs.get(), ranks: 2, output: run.path)
        #expect(trained.status == 0, "\(trained)")
        // Copies, since other tests put files on the shelf meanwhile.
        let configuration = folder.file("glyphs.yaml")
        for name in ["glyphs.yaml", "glyphs.h5"] {
          try FileManager.default.copyItem(atPath: Shelf.file(name), toPath: folder.file(name))
        }
        let before = snapshot(folder.path)
        let speed = try measured(["--warm-up", "2", "--steps", "3"], of: configuration)
        let losses = try #require(speed["losses"] as? [Double])
        #expect(losses == run.lines.compactMap { $0["loss"] as? Double }.prefix(5).map { $0 })
        #expect(losses.count == 5)
        #expect(speed["globalBatch"] as? Int == 40 && speed["microbatch"] as? Int == 5)
        let phases = try #require(speed["phaseSeconds"] as? [String: Double])
        #expect(phases["forward"] ?? 0 > 0 && phases["backward"] ?? 0 > 0, "\(phases)")
        #expect(snapshot(folder.path) == before, "something was written")
      }
    }

    @Test func theRooflineCountsWhatLayersMustDo() throws {
      try withTemporaryFolder { folder in
        let picture = folder.file("roof.svg")
        let speed = try measured(
          ["--batch", "12", "--steps", "3", "--warm-up", "0", "--roofline", picture])
        let roofline = try #require(speed["roofline"] as? [String: Any])
        let layers = try #require(roofline["layers"] as? [[String: Any]])
        var operations: [String: Double] = [:]
        var bytes: [String: Double] = [:]
        for layer in layers {
          let path = try #require(layer["layer"] as? String)
          operations[path] = layer["operations"] as? Double
          bytes[path] = layer["bytes"] as? Double
        }
        // 9 x 9 places of 3 x 3 taps to 4 channels, and no gradient of the picture.
        #expect(operations["modalities.image.0"] == Double(4 * 12 * 81 * 9 * 4))
        #expect(operations["heads.digit.0"] == Double(6 * 12 * 72 * 160))
        #expect(operations["heads.digit.1"] == 0 && bytes["heads.digit.1"] == 0)
        // x twice and its gradient, y and its gradient; weights twice and their gradient.
        #expect(bytes["heads.digit.0"] == 4 * Double(12 * (3 * 72 + 2 * 160) + 3 * 73 * 160))
        #expect(roofline["operations"] as? Double == operations.values.reduce(0, +))
        let seconds = layers.compactMap { $0["seconds"] as? Double }
        #expect(seconds.count == layers.count && seconds.allSatisfy { $0 >= 0 })
        #expect(seconds.reduce(0, +) > 0 && roofline["boundSeconds"] as? Double ?? 0 > 0)
        let text = try String(contentsOfFile: picture, encoding: .utf8)
        #expect(text.hasPrefix("<svg") && text.contains("heads.digit.0 (linear)"), "\(text)")
      }
    }

    @Test func aBatchPerRankIsTheStep() throws {
      let speed = try measured(["--batch", "12", "--steps", "2", "--warm-up", "0"])
      #expect(speed["globalBatch"] as? Int == 24 && speed["microbatch"] as? Int == 12)
      #expect(speed["ranks"] as? Int == 2)
      let parts = try measured(["--batch", "12", "--micro", "4", "--steps", "1", "--warm-up", "0"])
      #expect(parts["microbatch"] as? Int == 4)
      let nowhere = try Aimass.run(
        ["benchmark", "model", Shelf.glyphs.get(), "--roofline", "/nowhere/roof.svg"])
      #expect(nowhere.status == 73 && nowhere.errors.contains("/nowhere/roof.svg"), "\(nowhere)")
      let none = try Aimass.run(["benchmark", "model", Shelf.glyphs.get(), "--steps", "0"])
      #expect(none.status == 64 && none.errors.contains("--steps"), "\(none)")
    }
  }
}
