extension Vocabulary {
  static let pruning = KeySection(
    "pruning",
    [
      "schedule", "scope", "criterion", "pattern", "include", "exclude", "embeddings",
      "lastLayers", "keepAtLeast", "regrow",
    ])
  static let regrow = KeySection("regrow", ["fraction", "every", "until"])

  static let pruningPatterns = [singlePattern, groupPattern, blockPattern]
  static let singlePattern = KeySection("pattern single", [])
  static let groupPattern = KeySection("pattern group", ["keep", "of"])
  static let blockPattern = KeySection("pattern block", ["size"])

  static let pruningScopes = [globalScope, layerScope, groupsScope]
  static let globalScope = KeySection("scope global", [])
  static let layerScope = KeySection("scope layer", [])
  static let groupsScope = KeySection("scope groups", ["patterns"])

  static let pruningSchedules = [polynomialPruning, constantPruning, oneShot, iterative]
  static let polynomialPruning = KeySection(
    "pruning polynomial", ["initial", "final", "begin", "end", "every", "power"])
  static let constantPruning = KeySection(
    "pruning constant", ["sparsity", "begin", "end", "every"])
  static let oneShot = KeySection("pruning oneShot", ["sparsity", "at"])
  static let iterative = KeySection(
    "pruning iterative", ["final", "fraction", "begin", "every", "rewind"])

  static let rewinds = [rewindWeights, rewindLearningRate]
  static let rewindWeights = KeySection("rewind weights", ["to"])
  static let rewindLearningRate = KeySection("rewind learningRate", ["to"])
}
