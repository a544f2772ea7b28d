import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// Filters whose batch norm a penalty makes small go first.
  @Suite(
    .serialized, .enabled(if: DataFolder.has("mnist"), "\(DataFolder.hint)"),
    .enabled(if: Python.has("numpy", "safetensors"), "a module is missing"))
  struct SlimmingTests {
    private static let judge = """
      import sys, numpy as np
      from safetensors.numpy import load_file
      plain, held, less = [load_file(p) for p in sys.argv[1:]]
      name = 'modalities.image.1.weight'
      before, after = held[name], less[name]
      assert abs(before).sum() < 0.7 * abs(plain[name]).sum(), (before, plain[name])
      assert before.shape == (6,) and after.shape == (3,), after.shape
      kept = sorted(np.argsort(-abs(before))[:3])
      assert (before[kept] == after).all(), (before, after)
      assert less['modalities.image.0.weight'].shape[-1] == 3
      print('right')
      """

    @Test func whatTheScaleSaysGoesFirst() throws {
      try withTemporaryFolder { folder in
        let configuration = try Shelf.mnist.get()
        func exported(_ run: String) throws -> String {
          let file = run + ".safetensors"
          let result = try Aimass.run(["checkpoint", "export", run, "-o", file])
          #expect(result.status == 0, "\(result)")
          return file
        }
        let held = "constraint=[{match: \"modalities.image.1.weight\", l1: 10}]"
        var files: [String] = []
        for (name, set) in [("plain", []), ("held", [held])] {
          let result = try Aimass.train(
            configuration, ranks: 2, output: folder.file(name), set: set)
          #expect(result.status == 0, "\(result)")
          files.append(try exported(folder.file(name)))
        }
        let result = try Aimass.run(
          ranks: 2,
          [
            "shrink", folder.file("held"), "-o", folder.file("less"), "--score", "scale",
            "--units", "filters", "--remove", "0.5",
          ])
        #expect(result.status == 0, "\(result)")
        files.append(try exported(folder.file("less")))
        #expect(try Python.run(Self.judge, files) == "right\n")
        let evaluated = try Aimass.run(["evaluate", folder.file("less")])
        #expect(evaluated.status == 0, "\(evaluated)")
      }
    }
  }
}
