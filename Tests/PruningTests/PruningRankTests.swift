import TestSupport
import Testing

/// What all ranks choose together.
@Suite(.serialized)
struct PruningRankTests {
  @Test(arguments: 1...4)
  func masksAreThoseOfTheDefinitionOnAnyNumberOfRanks(ranks: Int) throws {
    let result = try Mpirun.run(ranks: ranks, "rank-checks", ["pruning"], timeout: 300)
    #expect(result.status == 0, "\(result)")
    #expect(result.lines(with: "passed pruning on \(ranks)").count == 1, "\(result)")
    #expect(result.leftovers.isEmpty)
  }

  /// `torch.nn.utils.prune.global_unstructured` by L1, and a sort by NumPy, of the same weights.
  @Test(.enabled(if: Python.has("numpy", "torch"), "numpy or torch is missing"))
  func masksAreThoseOfOthers() throws {
    try withTemporaryFolder { folder in
      let result = try Mpirun.run(ranks: 3, "rank-checks", ["pruning", folder.path], timeout: 300)
      #expect(result.status == 0, "\(result)")
      let script = """
        import glob, sys, numpy as np, torch
        from torch.nn.utils import prune
        folder = sys.argv[1]
        count = len(glob.glob(folder + "/*.weights"))
        weights = [np.fromfile(f"{folder}/{i}.weights", np.float32) for i in range(count)]
        masks = [np.fromfile(f"{folder}/{i}.mask", np.uint8) for i in range(count)]
        layers = []
        for values in weights:
          layer = torch.nn.Linear(len(values), 1, bias=False)
          with torch.no_grad(): layer.weight.copy_(torch.from_numpy(values)[None])
          layers.append((layer, "weight"))
        prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=0.83)
        theirs = [layer.weight_mask.numpy()[0] for layer, _ in layers]
        everything = np.abs(np.concatenate(weights))
        order = np.argsort(everything, kind="stable")
        live = np.ones(len(everything), np.uint8)
        zeros = round(0.83 * len(everything))
        live[order[:zeros]] = 0
        assert (live == np.concatenate(masks)).all(), "NumPy"
        assert (np.concatenate(theirs) == np.concatenate(masks)).all(), "torch"
        print("agreed on", zeros)
        """
      let opinion = try Python.run(script, [folder.path])
      #expect(opinion.contains("agreed on"), "\(opinion)")
    }
  }
}
