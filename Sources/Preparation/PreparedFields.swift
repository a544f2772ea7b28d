import Configuration

/// All fields of a recipe, bound to their sources, checked and measured.
struct PreparedFields {
  /// One maker per field, in the order of the recipe.
  let makers: [any FieldMaker]
  /// The splits' samples, in the order of the recipe.
  let splits: [PlannedSplit]
  /// Per split, how many streams of windows lie side by side in all of its fields; nil where samples stand alone.
  let streams: [Int?]
  /// Names of image fields whose statistics are wanted.
  let normalized: Set<String>
  /// What a person should know.
  let notes: [String]
  /// Files that were left out.
  let badFiles: [PreparationSummary.BadFile]

  /// Which samples lack each field: one entry per field and origin, nil where all have it.
  private let absent: [[[Bool]?]]
  private let optional: [Bool]

  /// Reads the sources, deals the samples, and measures the training split.
  ///
  /// - Parameters:
  ///   - recipe: the recipe, already checked.
  ///   - root: the folder its paths are relative to.
  ///   - crew: the ranks, all of which do this together.
  ///   - progress: hears of each source and field.
  /// - Throws: ``PreparationError``.
  init(
    _ recipe: RecipeConfiguration, root: String, crew: Crew,
    progress: (PreparationProgress) -> Void
  ) throws {
    let shelf = try SourceShelf(recipe, root: root, crew: crew, progress: progress)
    let origins = try shelf.origins(recipe)
    splits = try PlannedSplit.plan(recipe.splits, rows: origins.map(\.rows)) {
      try shelf.part($0)
    }
    streams = splits.map { origins[$0.origin].streams(keeping: $0.rows) }
    var makers: [any FieldMaker] = []
    var allAbsent: [[[Bool]?]] = []
    for (place, field) in recipe.fields.enumerated() {
      progress(.measuring(field: field.name))
      let found = Absence.find(
        field.name, origins.map { ($0.parts[place], $0.rowMaps[place]) }, recipe, splits)
      let maker = try PreparedFields.maker(
        field, PreparedFields.input(place, recipe, origins, splits, found, crew))
      let absent = Absence.add(maker, to: found, splits, origins.map(\.count))
      try Absence.refuseLabels(field, absent, splits)
      makers.append(maker)
      allAbsent.append(absent)
    }
    self.makers = makers
    badFiles = shelf.badFiles
    absent = allAbsent
    let splits = splits
    optional = allAbsent.map { absent in
      splits.contains { split in split.rows.contains { absent[split.origin]?[$0] ?? false } }
    }
    notes =
      shelf.notes + makers.flatMap(\.notes)
      + Absence.notes(recipe.fields.map(\.name), allAbsent, splits)
    normalized = Set(
      recipe.fields.filter {
        if case .image(let image) = $0.modality { return image.normalize }
        return false
      }.map(\.name))
  }

  /// What a field is made from.
  private static func input(
    _ place: Int, _ recipe: RecipeConfiguration, _ origins: [PlannedOrigin],
    _ splits: [PlannedSplit], _ absent: [[Bool]?], _ crew: Crew
  ) throws -> FieldInput {
    guard let train = splits.first(where: { $0.name == "train" }) else {
      throw PreparationError(.badRecipe, "there is no split 'train'")
    }
    let name = recipe.fields[place].name
    let rows = train.rows.filter { !(absent[train.origin]?[$0] ?? false) }
    guard !rows.isEmpty else {
      throw PreparationError(
        .badData, "field '\(name)': no sample of the training split has it; check its join")
    }
    let others = recipe.splits.flatMap { split -> [String] in
      guard case .sources(let sources) = split.origin else { return [] }
      return sources.filter { $0.field != name }.compactMap(\.part)
    }
    return FieldInput(
      name: name, splits: recipe.splitsWithSources, parts: origins.map { $0.parts[place] },
      training: (train.origin, rows),
      others: Set(others), absent: absent, rowMaps: origins.map { $0.rowMaps[place] }, crew: crew)
  }

  private static func maker(_ field: RecipeField, _ input: FieldInput) throws -> any FieldMaker {
    if !field.modality.takesSteps, input.isRagged.contains(true) {
      throw input.bad(
        "samples of unequal length cannot be a field of this kind; use value, ids or sound")
    }
    return switch field.modality {
    case .image(let image): try ImageMaker.maker(image, input)
    case .sound(let sound): try SoundMaker(sound, input)
    case .label(let label): try LabelMaker(label, input)
    case .table(let table): try TableMaker(table, input)
    case .value(let shape, let normalize, let components):
      try ValueMaker.maker(shape: shape, normalize: normalize, components, input)
    case .text(let text): try TextMaker(text, input)
    case .ids: try IdsMaker(input)
    case .categories(let categories): try CategoriesMaker(categories, input)
    case .row: try RowMaker(input)
    }
  }

  /// Whether some sample of any split lacks a field.
  func isOptional(_ field: Int) -> Bool { optional[field] }

  /// Whether a sample has a field.
  func isPresent(_ field: Int, _ origin: Int, _ row: Int) -> Bool {
    !(absent[field][origin]?[row] ?? false)
  }

  /// The steps of a sample, none where it lacks the field.
  func steps(_ field: Int, _ origin: Int, _ row: Int) -> Int {
    isPresent(field, origin, row) ? makers[field].steps(origin: origin, row: row) : 0
  }

  /// Bytes of a sample as written: those of all its steps, or one row.
  func bytes(_ field: Int, _ origin: Int, _ row: Int) -> Int {
    let description = makers[field].description
    return description.sampleBytes * (description.isRagged ? steps(field, origin, row) : 1)
  }
}
