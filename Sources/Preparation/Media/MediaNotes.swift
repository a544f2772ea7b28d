import Configuration

extension LoadedSource {
  /// The text that says of each row what it is; nil for numbers.
  var text: TextTable? {
    switch self {
    case .table(let table): table
    case .lines(let lines): lines.table
    case .files(_, let listing): listing.table
    default: nil
    }
  }

  /// Files that are left out.
  var badFiles: [PreparationSummary.BadFile] {
    if case .files(let media, _) = self { media.bad } else { [] }
  }

  /// The part of a source of files that a field or a rule is made from.
  static func files(
    _ media: MediaSource, _ listing: MediaListing, _ reference: RecipeSplit.FieldSource,
    _ field: RecipeField?
  ) throws -> SourcePart {
    switch (reference.part, field?.modality) {
    case (nil, .image), (nil, .sound), (nil, .row): return .media(media)
    case (nil, .label):
      guard let label = listing.label else {
        throw noPart("label", reference, "its parts are \(listing.parts)")
      }
      return .column(listing.table, try listing.table.column(label))
    case (nil, _): throw noPart("table", reference, "its parts are \(listing.parts)")
    case (let part?, _):
      guard let column = listing.table.columns.firstIndex(of: part) else {
        throw noPart(part, reference, "its parts are \(listing.parts)")
      }
      return .column(listing.table, column)
    }
  }
}

extension MediaSource {
  /// The files that are left out, for a person.
  var notes: [String] {
    let bad = bad
    guard !bad.isEmpty else { return [] }
    let shown = 20
    var notes = ["source '\(name)': \(bad.count) of \(files.count) files are left out"]
    notes += bad.prefix(shown).map { "left out: \($0.path): \($0.reason)" }
    if bad.count > shown { notes.append("and \(bad.count - shown) more") }
    return notes
  }
}
