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

  @Test(arguments: 1...4)
  func patternsAreThoseOfTheDefinitionOnAnyNumberOfRanks(ranks: Int) throws {
    let result = try Mpirun.run(ranks: ranks, "rank-checks", ["patterns"], timeout: 300)
    #expect(result.status == 0, "\(result)")
    #expect(result.lines(with: "passed patterns on \(ranks)").count == 1, "\(result)")
    #expect(result.leftovers.isEmpty)
  }

  /// Two of four and blocks of one output and eight inputs by NumPy, ties in the order of places.
  @Test(.enabled(if: Python.has("numpy"), "numpy is missing"))
  func patternsAreThoseOfNumPy() throws {
    try withTemporaryFolder { folder in
      let result = try Mpirun.run(ranks: 3, "rank-checks", ["patterns", folder.path], timeout: 300)
      #expect(result.status == 0, "\(result)")
      let script = """
        import sys, numpy as np
        folder = sys.argv[1]
        # As [positions, outputs, inputs], the inputs padded with infinities that always stay.
        shapes = [(1, 67, 131), (15, 7, 11), (1, 64, 64), (1, 1, 3)]
        def load(index, kind):
          flat = np.fromfile(f"{folder}/{index}.{kind}", np.float32 if kind == "weights" else np.uint8)
          if index == 1: return flat.reshape(15, 7, 11).transpose(0, 2, 1)
          return flat.reshape(shapes[index])
        def cut(array, width, fill):
          pad = -array.shape[2] % width
          padded = np.pad(array, ((0, 0), (0, 0), (0, pad)), constant_values=fill)
          return padded.reshape(array.shape[0], array.shape[1], -1, width)
        means, masks = [], []
        for index in range(4):
          weights = np.abs(load(index, "weights"))
          groups = cut(weights, 4, np.inf)
          sizes = (groups < np.inf).sum(-1)
          order = np.argsort(groups, axis=-1, kind="stable")
          ranks = np.argsort(order, axis=-1, kind="stable")
          live = (ranks >= np.maximum(0, sizes - 2)[..., None]) & (groups < np.inf)
          mine = cut(load(index, "2of4"), 4, 0)
          assert (live == mine).all(), f"2 of 4 in {index}"
          blocks = cut(weights.astype(np.float64), 8, np.nan)
          means.append(np.nanmean(blocks, -1).astype(np.float32).ravel())
          masks.append(cut(load(index, "1x8"), 8, 0).max(-1).ravel())
        means, masks = np.concatenate(means), np.concatenate(masks)
        zeros = int(np.floor(0.55 * len(means) + 0.5))
        expected = np.ones(len(means), np.uint8)
        # Of the last tensor, which is one block, nothing can be taken.
        expected[np.argsort(means[:-1], kind="stable")[:zeros]] = 0
        assert (expected == masks).all(), "blocks"
        print("agreed on", zeros)
        """
      let opinion = try Python.run(script, [folder.path])
      #expect(opinion.contains("agreed on"), "\(opinion)")
    }
  }
}
