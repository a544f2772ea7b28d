import Configuration

/// What a field of a split is made from.
enum SourcePart {
  /// Numbers.
  case rows(any RawRows)
  /// A whole text table.
  case table(TextTable)
  /// One column of a text table.
  case column(TextTable, Int)
  /// Pictures or sounds.
  case media(MediaSource)
  /// Samples that are several rows of another part each, one after the other.
  indirect case sequence(SourcePart, ClipSequences)

  /// The number of samples.
  var count: Int {
    switch self {
    case .rows(let rows): rows.rows
    case .table(let table), .column(let table, _): table.rows
    case .media(let media): media.files.count
    case .sequence(_, let sequences): sequences.count
    }
  }
}

/// A source of the recipe, read and decoded.
enum LoadedSource {
  /// Numbers: IDX, NumPy, HDF5.
  case array(RawArray)
  /// Images with labels.
  case records(CIFARDecoder.Records)
  /// A text table.
  case table(TextTable)
  /// Files of pictures or sounds, and what their names say.
  case files(MediaSource, MediaListing)
  /// Drawn samples.
  case glyphs(Glyphs)
  /// Drawn numbers.
  case noise(NoiseRows)
  /// Documents, one a line.
  case lines(TextLines.Result)
  /// One long text in windows.
  case corpus(Corpus)
  /// Sounds made of the clips of a source of files.
  case concatenation(Concatenation)

  /// What a person should know.
  var notes: [String] {
    switch self {
    case .lines(let result): result.notes
    case .corpus(let corpus): corpus.notes
    case .files(let media, let listing): listing.notes + media.notes
    case .concatenation(let concatenation): concatenation.notes
    default: []
    }
  }

  /// Reads a source.
  ///
  /// - Parameters:
  ///   - source: what and where.
  ///   - root: the folder its paths are relative to.
  ///   - crew: the ranks.
  ///   - other: sources that were read before, by name.
  /// - Returns: the decoded source.
  /// - Throws: ``PreparationError``.
  static func load(
    _ source: RecipeSource, root: String, crew: Crew, other: (String) -> LoadedSource?
  ) throws -> LoadedSource {
    if let array = try array(source.kind, root: root) { return .array(array) }
    switch source.kind {
    case .text(let paths, let badLines, let labels):
      return .lines(
        try TextLines.read(
          try paths.map { try RawFile($0, root: root) }, badLines: badLines, labels: labels))
    case .corpus(let corpus):
      return .corpus(
        try Corpus(
          corpus, name: source.name, root: root,
          like: try corpus.like.map { try like($0, of: source.name, other) }, crew: crew))
    case .csv(let paths, let options):
      var table = try TextTable.read(
        try paths.map { try RawFile($0, root: root) }, options: options)
      for column in options.extract { try table.extract(column) }
      return .table(table)
    case .cifar(let paths, let height, let width, let labelBytes):
      let records = try paths.map {
        try CIFARDecoder.read(
          RawFile($0, root: root), height: height, width: width, labelBytes: labelBytes)
      }
      return .records(
        CIFARDecoder.Records(
          images: try RawArray(joining: records.map(\.images)),
          labels: try RawArray(joining: records.map(\.labels))))
    case .files(let collection):
      let listing = try MediaListing(source.name, collection, root: root)
      return .files(try MediaSource(source.name, collection, listing, crew), listing)
    case .glyphs(let samples, let seed, let first):
      return .glyphs(Glyphs(seed: seed, first: first, samples: samples))
    case .noise(let noise): return .noise(NoiseRows(noise, name: source.name))
    case .concatenated(let clips):
      return .concatenation(try Concatenation(clips, name: source.name, other(clips.source)))
    case .idx, .npy, .npz, .hdf5: preconditionFailure("arrays are read before")
    }
  }

  /// The array that a source of arrays holds, its files one after the other; nil for other sources.
  private static func array(_ kind: RecipeSource.Kind, root: String) throws -> RawArray? {
    let parts: [RawArray]
    switch kind {
    case .idx(let paths):
      parts = try paths.map { try IDXDecoder.read(RawFile($0, root: root)) }
    case .npy(let paths):
      parts = try paths.map { try NPYDecoder.read(RawFile($0, root: root)) }
    case .npz(let paths, let array):
      parts = try paths.map { try NPZDecoder.read($0, root: root, array: array) }
    case .hdf5(let paths, let dataset):
      parts = try paths.map { try HDF5Decoder.read($0, root: root, dataset: dataset) }
    default: return nil
    }
    return try RawArray(joining: parts)
  }

  /// The corpus that another one is like.
  private static func like(
    _ name: String, of source: String, _ other: (String) -> LoadedSource?
  ) throws -> Corpus {
    guard case .corpus(let found) = other(name) else {
      throw PreparationError(
        .badRecipe, "source '\(source)': like '\(name)' is no corpus with tokens of its own")
    }
    return found
  }

  /// The part of the source that a field is made from.
  ///
  /// - Parameters:
  ///   - reference: the source and part as the recipe says.
  ///   - field: the field that is made; nil where a rule of the recipe asks.
  /// - Returns: the part.
  /// - Throws: ``PreparationError`` with `.badRecipe`, listing the parts there are.
  func part(_ reference: RecipeSplit.FieldSource, for field: RecipeField?) throws -> SourcePart {
    switch self {
    case .array(let array): return .rows(try Self.whole(array, reference))
    case .noise(let noise): return .rows(try Self.whole(noise, reference))
    case .records(let records):
      switch reference.part ?? field?.modality.word ?? "" {
      case "image": return .rows(records.images)
      case "label": return .rows(records.labels)
      case let part: throw Self.noPart(part, reference, "its parts are image, label")
      }
    case .table(let table):
      guard let part = reference.part else { return .table(table) }
      return .column(table, try table.column(part))
    case .files(let media, let listing):
      return try Self.files(media, listing, reference, field)
    case .concatenation(let concatenation): return try concatenation.part(reference, field)
    case .lines(let lines):
      return .column(lines.table, try lines.table.column(reference.part ?? "text"))
    case .corpus(let corpus):
      switch reference.part ?? "inputs" {
      case "inputs": return .rows(CorpusRows(corpus: corpus, isTarget: false))
      case "targets": return .rows(CorpusRows(corpus: corpus, isTarget: true))
      case let part: throw Self.noPart(part, reference, "its parts are inputs, targets")
      }
    case .glyphs(let glyphs):
      let part = reference.part ?? field?.name ?? ""
      guard let kind = GlyphPart(rawValue: part) else {
        let parts = GlyphPart.allCases.map(\.rawValue).joined(separator: ", ")
        throw Self.noPart(part, reference, "its parts are \(parts)")
      }
      return .rows(GlyphRows(glyphs: glyphs, part: kind))
    }
  }

  /// The rows of a source that has no parts.
  private static func whole<Rows: RawRows>(
    _ rows: Rows, _ reference: RecipeSplit.FieldSource
  ) throws -> Rows {
    guard let part = reference.part else { return rows }
    throw noPart(part, reference, "it has none: write '\(reference.source)'")
  }

  static func noPart(
    _ part: String, _ reference: RecipeSplit.FieldSource, _ hint: String
  ) -> PreparationError {
    PreparationError(
      .badRecipe,
      "field '\(reference.field)': the source '\(reference.source)' has no part '\(part)'; \(hint)")
  }
}

extension RecipeField.Modality {
  /// Whether a field can be made from arrays whose rows differ in length.
  var takesSteps: Bool {
    switch self {
    case .value, .ids, .sound, .row: true
    case .image, .label, .table, .text, .categories: false
    }
  }

  /// The word of the recipe.
  var word: String {
    switch self {
    case .image: "image"
    case .sound: "sound"
    case .label: "label"
    case .table: "table"
    case .value: "value"
    case .text: "text"
    case .ids: "ids"
    case .categories: "categories"
    case .row: "row"
    }
  }
}

extension RecipeSource.Kind {
  /// The files of the source; none where it is drawn.
  var paths: [String] {
    switch self {
    case .idx(let paths), .npy(let paths), .csv(let paths, _), .cifar(let paths, _, _, _),
      .hdf5(let paths, _), .npz(let paths, _), .text(let paths, _, _):
      paths
    case .files(let collection):
      switch collection.place {
      case .folder: []
      case .archive(let path), .list(let path, _, _): [path]
      }
    case .corpus(let corpus): corpus.paths
    case .glyphs, .noise, .concatenated: []
    }
  }
}
