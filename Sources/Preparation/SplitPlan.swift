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
  /// on nothing else. Derived splits are served in the order of the recipe; what is skipped goes first, and limits come last.
  ///
  /// - Parameters:
  ///   - splits: the recipe's, already checked.
  ///   - rows: the samples of each split that has sources, in order.
  ///   - part: the part of a source that a rule names.
  /// - Returns: one plan per split, in the order of the recipe.
  /// - Throws: ``PreparationError`` with `.badRecipe` if a split is left without samples.
  static func plan(
    _ splits: [RecipeSplit], rows: [[Int]],
    part: (RecipeSplit.FieldSource) throws -> SourcePart
  ) throws -> [PlannedSplit] {
    var planned: [String: PlannedSplit] = [:]
    var origins = 0
    for split in splits {
      guard case .sources = split.origin else { continue }
      planned[split.name] = PlannedSplit(
        name: split.name, origin: origins, rows: Array(rows[origins].dropFirst(split.skip)))
      origins += 1
    }
    for split in splits {
      guard let from = split.origin.from, let source = planned[from] else { continue }
      let takes = try split.origin.selection(name: split.name, rows: source.rows, part: part)
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

/// A number in [0, 1) that depends only on seed, salt and the sample's number.
func splitUniform(_ seed: UInt64, _ salt: UInt32, _ sample: Int) -> Double {
  let words = Philox4x32.block(
    counter: (
      UInt32(truncatingIfNeeded: sample), UInt32(truncatingIfNeeded: sample >> 32), salt, 0
    ), key: philoxKey(seed, .split))
  return Double(UInt64(words.0) << 21 | UInt64(words.1) >> 11) / 9_007_199_254_740_992
}
