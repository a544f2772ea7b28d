import Configuration
import Tensors

/// Which samples lack a field: a join found no row, the source has no value, or an experiment takes it away.
enum Absence {
  /// What sources, joins and experiments leave a field without.
  ///
  /// - Parameters:
  ///   - field: the field's name.
  ///   - origins: for each origin what the field is made from, and the rows that a join found.
  ///   - recipe: the recipe, for its experiments.
  ///   - splits: which samples are in which split.
  /// - Returns: one entry per origin, nil where no sample lacks the field.
  static func find(
    _ field: String, _ origins: [(part: SourcePart, map: [Int]?)], _ recipe: RecipeConfiguration,
    _ splits: [PlannedSplit]
  ) -> [[Bool]?] {
    var absent = origins.map { origin -> [Bool]? in
      let lacks = (0..<origin.part.count).map { row in
        (origin.map?[row] ?? 0) < 0 || !origin.part.isPresent(row)
      }
      return lacks.contains(true) ? lacks : nil
    }
    for experiment in recipe.missing where experiment.field == field {
      for split in splits
      where experiment.splits.isEmpty || experiment.splits.contains(split.name) {
        let salt = pathHash("missing \(field) \(split.name)")
        var flags =
          absent[split.origin] ?? [Bool](repeating: false, count: origins[split.origin].part.count)
        for row in split.rows where splitUniform(experiment.seed, salt, row) < experiment.fraction {
          flags[row] = true
        }
        absent[split.origin] = flags
      }
    }
    return absent
  }

  /// Adds what the maker's source does not have.
  static func add(
    _ maker: any FieldMaker, to absent: [[Bool]?], _ splits: [PlannedSplit], _ counts: [Int]
  ) -> [[Bool]?] {
    var absent = absent
    for split in splits {
      let lacking = split.rows.filter { maker.isAbsent(origin: split.origin, row: $0) }
      guard !lacking.isEmpty else { continue }
      var flags = absent[split.origin] ?? [Bool](repeating: false, count: counts[split.origin])
      for row in lacking { flags[row] = true }
      absent[split.origin] = flags
    }
    return absent
  }

  /// Throws where a sample that is kept has no label: a head needs one for every sample.
  static func refuseLabels(
    _ field: RecipeField, _ absent: [[Bool]?], _ splits: [PlannedSplit]
  ) throws {
    guard case .label = field.modality else { return }
    for split in splits {
      guard let row = split.rows.first(where: { absent[split.origin]?[$0] ?? false }) else {
        continue
      }
      throw PreparationError(
        .badData,
        "split '\(split.name)', sample \(row): it has no label '\(field.name)'; set 'unmatched: drop'"
          + " of the join, or take the label from the first source")
    }
  }

  /// How many samples of each split lack each field.
  static func notes(
    _ fields: [String], _ absent: [[[Bool]?]], _ splits: [PlannedSplit]
  ) -> [String] {
    zip(fields, absent).compactMap { field, absent in
      let lacking = splits.map { split in
        split.rows.count { absent[split.origin]?[$0] ?? false }
      }
      guard lacking.contains(where: { $0 > 0 }) else { return nil }
      let counts = zip(splits, lacking).map { "\($0.name) \($1) of \($0.rows.count)" }
      return "\(field): missing in \(counts.joined(separator: ", "))"
    }
  }
}
