extension Vocabulary {
  /// How modalities are joined.
  static let fusions = [
    concatFusion, sum, mean, gated, lowRank, tensor, lateProduct, sequence, crossAttention,
    bottleneck,
  ]
  static let concatFusion = KeySection("fusion concat", [])
  static let sum = KeySection("fusion sum", [])
  static let mean = KeySection("fusion mean", [])
  static let gated = KeySection("fusion gated", ["out"])
  static let lowRank = KeySection("fusion lowRank", ["rank", "out"])
  static let tensor = KeySection("fusion tensor", [])
  static let lateProduct = KeySection("fusion lateProduct", ["prior"])
  static let sequence = KeySection("fusion sequence", [])
  static let crossAttention = KeySection("fusion crossAttention", ["heads"])
  static let bottleneck = KeySection(
    "fusion bottleneck", ["tokens", "layers", "heads", "hidden"])

  static let missing = KeySection("missing", ["drop", "substitute"])
}
