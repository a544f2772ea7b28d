import Configuration
import Parameters
import Pruning
import Testing

struct PruningPlanTests {
  /// An embedding, a convolution with a batch norm, and two heads of two layers.
  private static let layout: ParameterLayout = {
    var layout = ParameterLayout()
    func weights(_ name: String, _ shape: [Int], table: ParameterSlot.Table? = nil) {
      _ = layout.reserve(
        name, shape, initializer: .constant(0), decaysByDefault: true, table: table)
    }
    func others(_ name: String, _ role: ParameterSlot.Role = .trainable) {
      _ = layout.reserve(name, [4], role: role, initializer: .constant(0))
    }
    weights("modalities.text.0.weight", [50, 8], table: .lazy)
    weights("modalities.user.0.weight", [50, 8], table: .sharded)
    weights("modalities.image.0.weight", [3, 3, 1, 4])
    others("modalities.image.0.bias")
    others("modalities.image.1.weight")
    others("modalities.image.1.runningMean", .statistic(momentum: 0.1, rowsPerSample: 1))
    for head in ["digit", "colour"] {
      weights("heads.\(head).0.weight", [10, 7])
      others("heads.\(head).0.bias")
      weights("heads.\(head).2.weight", [3, 10])
    }
    return layout
  }()

  private func names(
    include: [String] = [], exclude: [String] = [], embeddings: Bool = false,
    lastLayers: Bool = false
  ) throws -> [String] {
    try PruningPlan(
      PruningConfiguration(
        schedule: .oneShot(sparsity: 0.5, at: 0), include: include, exclude: exclude,
        embeddings: embeddings, lastLayers: lastLayers), layout: Self.layout
    ).tensors.map(\.name)
  }

  @Test func weightsArePrunedButEmbeddingsAndLastLayers() throws {
    let usual = [
      "modalities.image.0.weight", "heads.digit.0.weight", "heads.colour.0.weight",
    ]
    #expect(try names() == usual)
    #expect(try names(embeddings: true) == ["modalities.text.0.weight"] + usual)
    #expect(
      try names(lastLayers: true) == [
        usual[0], usual[1], "heads.digit.2.weight", usual[2], "heads.colour.2.weight",
      ])
    #expect(try names(include: ["heads.*"]) == [usual[1], usual[2]])
    #expect(try names(exclude: ["heads.digit.*", "*.bias"]) == [usual[0], usual[2]])
  }

  @Test(arguments: [
    (["heds.*"], "heds.*"), (["*.bias"], "nothing that could be pruned"),
    (["heads.digit.2.*"], "lastLayers"), (["modalities.text.*"], "embeddings"),
    (["*", "none"], "'none'"),
  ])
  func anInclusionThatFitsNothingIsTold(patterns: [String], word: String) {
    #expect { try names(include: patterns) } throws: { error in
      (error as? PruningError)?.code == .patternWithoutMatch && "\(error)".contains(word)
    }
  }

  @Test func anExclusionThatFitsNothingOrLeavesNothingIsTold() {
    #expect { try names(exclude: ["heads.digits.*"]) } throws: { "\($0)".contains("digits") }
    #expect { try names(exclude: ["*"]) } throws: { "\($0)".contains("no weights are left") }
  }

  @Test func groupsAreNumberedByTheirFirstTensor() throws {
    func groups(_ scope: PruningConfiguration.Scope) throws -> [Int] {
      try PruningPlan(
        PruningConfiguration(schedule: .oneShot(sparsity: 0.5, at: 0), scope: scope),
        layout: Self.layout
      ).tensors.map(\.group)
    }
    #expect(try groups(.global) == [0, 0, 0])
    #expect(try groups(.layer) == [0, 1, 2])
    #expect(try groups(.groups(["heads.*", "*"])) == [0, 1, 1])
    #expect { try groups(.groups(["heads.*"])) } throws: {
      "\($0)".contains("no pattern fits modalities.image.0.weight")
    }
    #expect { try groups(.groups(["*", "nobody"])) } throws: { "\($0)".contains("nobody") }
  }

  @Test func aTargetBelowWhatIsKeptIsTold() throws {
    func plan(_ scope: PruningConfiguration.Scope, keep: Double) throws -> PruningPlan {
      try PruningPlan(
        PruningConfiguration(
          schedule: .oneShot(sparsity: 0.9, at: 0), scope: scope, keepAtLeast: keep),
        layout: Self.layout)
    }
    // 36 + 70 + 70 weights keep 4 + 7 + 7.
    let tenth = try plan(.global, keep: 0.1)
    #expect(tenth.count == 176 && tenth.tensors.map(\.least) == [4, 7, 7])
    #expect(throws: Never.self) { try tenth.check(finalSparsity: 158.0 / 176) }
    #expect { try tenth.check(finalSparsity: 159.0 / 176) } throws: { error in
      (error as? PruningError)?.code == .impossibleTarget && "\(error)".contains("159 zeros")
        && "\(error)".contains("158")
    }
    #expect { try plan(.layer, keep: 0.1).check(finalSparsity: 0.92) } throws: {
      "\($0)".contains("of modalities.image.0.weight")
    }
    // One weight always stays.
    #expect(try plan(.layer, keep: 0).tensors.map(\.least) == [1, 1, 1])
  }

  @Test func zerosAreRoundedOncePerGroup() throws {
    let plan = try PruningPlan(
      PruningConfiguration(schedule: .oneShot(sparsity: 0.9, at: 0)), layout: Self.layout)
    for sparsity in stride(from: 0.0, through: 0.99, by: 0.01) {
      #expect(plan.zeros(at: sparsity) == Int((sparsity * 176).rounded()))
    }
  }
}
