import TestSupport
import Testing

extension JobTests {
  /// The first promise over several nodes: the same bits however ranks lie on them.
  @Suite(.serialized, .enabled(if: VirtualNodes.areAvailable, "\(VirtualNodes.need)"))
  struct NodeLayoutTests {
    /// Nodes of one rank, of two, of one kind and of several.
    static let layouts = [[1, 1], [2, 2], [1, 1, 1], [2, 2, 2, 2], [3, 1]]

    @Test func batchNormAndDropoutGiveTheSameBitsOnAnyLayout() throws {
      try expectSameBits(Shelf.glyphs.get(), layouts: Self.layouts)
    }

    @Test func synchronisedBatchNormGivesTheSameBitsOnAnyLayout() throws {
      try expectSameBits(
        Shelf.synchronised(2).get(), layouts: [[1, 1], [2, 2], [3, 1], [2, 2, 2, 2]])
    }

    @Test func contrastOverTheBatchGivesTheSameBitsOnAnyLayout() throws {
      try expectSameBits(Shelf.coupled.get(), layouts: [[2, 2], [1, 1], [3, 1]])
    }

    @Test func clippingAndWholeTensorNormsGiveTheSameBits() throws {
      let lamb = "optimizer={lamb: {learningRate: 0.01, weightDecay: 0.01}}"
      try expectSameBits(
        Shelf.glyphs.get(), layouts: [[2, 1], [1, 2, 1]],
        set: [lamb, "train.epochs=1"] + InvarianceTests.burdens.filter { !$0.contains("epochs") })
    }

    @Test func rowsThatMoveWhenTouchedGiveTheSameBits() throws {
      try expectSameBits(
        Shelf.wide.get(), layouts: [[1, 1], [3, 1], [2, 2]],
        set: LearningTests.RowTests.settings + ["exchange.bucketMiB=1"])
      try expectSameBits(
        Shelf.wide.get(), layouts: [[2, 1]],
        set: LearningTests.RowTests.settings + ["train.clipNorm=0.05"])
    }

    @Test func shardedTablesGiveTheBitsOfWholeOnes() throws {
      try expectSameBits(
        Shelf.wide.get(), layouts: [[1, 1], [3, 1], [2, 2]],
        set: LearningTests.ShardTests.settings + ["exchange.bucketMiB=1", "train.clipNorm=0.05"])
    }

    @Test func bucketsOfAnySizeGiveTheSameBits() throws {
      try expectSameBits(
        Shelf.wide.get(), layouts: [[1, 1], [3, 1]], set: ["exchange.bucketMiB=1"])
    }

    @Test(.enabled(if: DataFolder.has("cifar10-subset"), "needs cifar10-subset; set AIMASS_DATA"))
    func aResidualNetworkGivesTheSameBits() throws {
      try expectSameBits(Shelf.residual.get(), layouts: [[2, 2], [3, 1]])
    }

    /// Trains on one rank and on every layout, and compares digests and metrics.
    private func expectSameBits(
      _ configuration: String, layouts: [[Int]], set: [String] = []
    ) throws {
      try withTemporaryFolder { folder in
        let alone = Run(path: folder.file("alone"))
        let result = try Aimass.train(configuration, output: alone.path, set: set)
        #expect(result.status == 0, "\(result)")
        #expect(alone.digest.count == 64, "\(alone.digest)")
        for slots in layouts {
          let run = Run(path: folder.file("on-\(slots)"))
          let result = try VirtualNodes.run(
            slots: slots, "aimass",
            ["train", configuration, "--output", run.path] + set.flatMap { ["--set", $0] },
            environment: Aimass.variables([:]))
          #expect(result.status == 0 && result.leftovers.isEmpty, "\(result)")
          #expect(run.summary?["ranks"] as? Int == slots.reduce(0, +))
          #expect((run.summary?["hosts"] as? [String])?.count == slots.count)
          #expect(run.digest == alone.digest, "\(slots)")
          #expect(run.history == alone.history, "\(slots)")
        }
      }
    }
  }
}
