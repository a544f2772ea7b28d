extension Vocabulary {
  /// All sections of a counted run's configuration that a network's has not.
  public static let counted: [KeySection] =
    [countedTop, countedEvaluate, countedDistributed] + factorizations

  static let countedTop = KeySection(
    "counted run",
    ["name", "seed", "data", "factorization", "checkpoint", "evaluate", "distributed"],
    refused: [
      "pruning":
        "`pruning` is for networks; a factorization is fitted without gradients and has no weights to prune"
    ])
  static let countedEvaluate = KeySection(
    "counted evaluate", ["everySteps", "metrics", "relevant"])
  static let countedDistributed = KeySection("counted distributed", ["watchdogSeconds"])

  static let factorizations = [als, implicitALS]
  private static let factorKeys = [
    "user", "item", "value", "factors", "regularization", "sweeps", "deviation",
  ]
  static let als = KeySection(
    "factorization als", factorKeys + ["biases", "weighted", "biasRegularization"])
  static let implicitALS = KeySection("factorization implicitALS", factorKeys + ["alpha"])
}
