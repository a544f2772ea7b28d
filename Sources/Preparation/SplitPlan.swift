import Configuration
import Tensors

/// The samples of one split: rows of the split that has the sources.
struct PlannedSplit: Equatable {
  /// The split's name.
  let name: String
  /// Which of the recipe's splits with sources it draws on, counted among those.
  let origin: Int
  /// The rows, ascending.
  var rows: [Int]

  /// Deals the samples of all origins to the splits.
  ///
  /// A derived split takes samples out of another one: sample n by a hash of (seed, n), which depends
  /// on nothing else. Derived splits are served in the order of the recipe; limits come last.
  ///
  /// - Parameters:
  ///   - splits: the recipe's, already checked.
  ///   - counts: the samples of each split that has sources, in order.
  /// - Returns: one plan per split, in the order of the recipe.
  /// - Throws: ``PreparationError`` with `.badRecipe` if a split is left without samples.
  static func plan(_ splits: [RecipeSplit], counts: [Int]) throws -> [PlannedSplit] {
    var planned: [String: PlannedSplit] = [:]
    var origins = 0
    for split in splits {
      guard case .sources = split.origin else { continue }
      planned[split.name] = PlannedSplit(
        name: split.name, origin: origins, rows: Array(0..<counts[origins]))
      origins += 1
    }
    for split in splits {
      guard let (from, takes) = split.origin.selection(name: split.name),
        let source = planned[from]
      else { continue }
      planned[split.name] = PlannedSplit(
        name: split.name, origin: source.origin, rows: source.rows.filter(takes))
      planned[from]?.rows = source.rows.filter { !takes($0) }
    }
    return try splits.map { split in
      guard var plan = planned[split.name] else {
        throw PreparationError(
          .badRecipe,
          "split '\(split.name)' is taken from a split that comes later; change the order")
      }
      if let limit = split.limit { plan.rows = Array(plan.rows.prefix(limit)) }
      guard !plan.rows.isEmpty else {
        throw PreparationError(
          .badRecipe,
          "split '\(split.name)' has no samples; take another fraction or leave the split out")
      }
      return plan
    }
  }
}

extension RecipeSplit.Origin {
  /// For a derived split, the split it is taken from and whether it takes a sample.
  func selection(name: String) -> (from: String, takes: (Int) -> Bool)? {
    switch self {
    case .sources: nil
    case .fraction(let from, let fraction, let seed):
      // Two fractions of one split with one seed must not be the same samples.
      (from, { splitUniform(seed, pathHash(name), $0) < fraction })
    case .fold(let from, let folds, let fold, let seed):
      // Folds do not depend on the name, so that the k recipes of one seed share one partition.
      (from, { Int(splitUniform(seed, 0, $0) * Double(folds)) == fold })
    }
  }
}

/// A number in [0, 1) that depends only on seed, salt and the sample's number.
func splitUniform(_ seed: UInt64, _ salt: UInt32, _ sample: Int) -> Double {
  let words = Philox4x32.block(
    counter: (
      UInt32(truncatingIfNeeded: sample), UInt32(truncatingIfNeeded: sample >> 32), salt, 0
    ), key: philoxKey(seed, .split))
  return Double(UInt64(words.0) << 21 | UInt64(words.1) >> 11) / 9_007_199_254_740_992
}
