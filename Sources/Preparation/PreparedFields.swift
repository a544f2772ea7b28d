import Configuration

/// All fields of a recipe, bound to their sources, checked and measured.
struct PreparedFields {
  /// One maker per field, in the order of the recipe.
  let makers: [any FieldMaker]
  /// The splits' samples, in the order of the recipe.
  let splits: [PlannedSplit]
  /// Names of image fields whose statistics are wanted.
  let normalized: Set<String>
  /// What a person should know.
  let notes: [String]
  /// Files that were left out.
  let badFiles: [PreparationSummary.BadFile]

  /// Reads the sources, deals the samples, and measures the training split.
  ///
  /// - Parameters:
  ///   - recipe: the recipe, already checked.
  ///   - root: the folder its paths are relative to.
  ///   - team: the ranks.
  ///   - progress: hears of each source and field.
  /// - Throws: ``PreparationError``.
  init(
    _ recipe: RecipeConfiguration, root: String, team: RankTeam,
    progress: (PreparationProgress) -> Void
  ) throws {
    var loaded: [String: LoadedSource] = [:]
    for source in recipe.sources {
      progress(.reading(source: source.name))
      loaded[source.name] = try LoadedSource.load(source, root: root, team: team)
    }
    let media = recipe.sources.compactMap { loaded[$0.name]?.media }
    badFiles = media.flatMap(\.source.bad)
    let origins = recipe.splits.compactMap { split -> [RecipeSplit.FieldSource]? in
      if case .sources(let sources) = split.origin { return sources }
      return nil
    }
    let (parts, counts) = try PreparedFields.parts(recipe, origins, loaded)
    splits = try PlannedSplit.plan(recipe.splits, counts: counts)
    guard let train = splits.first(where: { $0.name == "train" }) else {
      throw PreparationError(.badRecipe, "there is no split 'train'")
    }
    var makers: [any FieldMaker] = []
    var notes = media.flatMap(\.notes)
    for (field, parts) in zip(recipe.fields, parts) {
      progress(.measuring(field: field.name))
      let input = FieldInput(
        name: field.name, parts: parts, training: (train.origin, train.rows),
        others: Set(
          origins.joined().filter { $0.field != field.name }.compactMap(\.part)))
      let maker = try PreparedFields.maker(field, input)
      if let table = maker as? TableMaker { notes += table.notes }
      makers.append(maker)
    }
    self.makers = makers
    self.notes = notes
    normalized = Set(
      recipe.fields.filter {
        if case .image(let image) = $0.modality { return image.normalize }
        return false
      }.map(\.name))
  }

  /// The parts of each field in each origin, and the samples of each origin.
  private static func parts(
    _ recipe: RecipeConfiguration, _ origins: [[RecipeSplit.FieldSource]],
    _ loaded: [String: LoadedSource]
  ) throws -> (parts: [[SourcePart]], counts: [Int]) {
    var parts = try parts(recipe.fields, origins, loaded)
    var counts: [Int] = []
    let splits = recipe.splits.filter { if case .sources = $0.origin { true } else { false } }
    for (origin, split) in splits.enumerated() {
      let count = try count(recipe.fields, parts.map { $0[origin] })
      let selection = try RowSelection(
        split, parts.map { $0[origin] }, count: count, loaded: loaded)
      for (field, part) in selection.apply(parts.map { $0[origin] }, split).enumerated() {
        parts[field][origin] = part
      }
      counts.append(selection.kept.count)
    }
    return (parts, counts)
  }

  /// The parts of each field in each origin, before any row is left out.
  private static func parts(
    _ fields: [RecipeField], _ origins: [[RecipeSplit.FieldSource]],
    _ loaded: [String: LoadedSource]
  ) throws -> [[SourcePart]] {
    try fields.map { field in
      try origins.map { sources in
        guard let reference = sources.first(where: { $0.field == field.name }),
          let source = loaded[reference.source]
        else {
          throw PreparationError(.badRecipe, "field '\(field.name)' has no source")
        }
        return try source.part(reference, for: field)
      }
    }
  }

  /// The number of samples that all fields of an origin agree on.
  private static func count(_ fields: [RecipeField], _ parts: [SourcePart]) throws -> Int {
    let counts = parts.map(\.count)
    guard let count = counts.first, counts.allSatisfy({ $0 == count }) else {
      let listed = zip(fields, counts).map { "\($0.name) \($1)" }.joined(separator: ", ")
      throw PreparationError(
        .badData,
        "the sources of one split must have equally many samples, found \(listed);"
          + " check which files belong together")
    }
    return count
  }

  private static func maker(_ field: RecipeField, _ input: FieldInput) throws -> any FieldMaker {
    switch field.modality {
    case .image(let image): try ImageMaker.maker(image, input)
    case .sound(let sound): try SoundMaker(sound, input)
    case .label(let label): try LabelMaker(label, input)
    case .table(let table): try TableMaker(table, input)
    case .value(let shape, let normalize):
      try ValueMaker(shape: shape, normalize: normalize, input)
    }
  }
}
