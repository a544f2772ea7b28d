import Configuration

/// Samples that are made of the clips of a source of sounds.
struct Concatenation {
  /// What a person should know.
  let notes: [String]
  private let source: ConcatenatedSource
  /// The clips that may be drawn.
  private let media: MediaSource
  private let listing: MediaListing
  private let sequences: ClipSequences

  /// Finds the clips that meet the conditions and can be used.
  ///
  /// - Parameters:
  ///   - source: the recipe's options.
  ///   - name: the source's name.
  ///   - base: the source of the clips, read before.
  /// - Throws: ``PreparationError`` where that is no source of sounds, has no such part, or no clip is left.
  init(_ source: ConcatenatedSource, name: String, _ base: LoadedSource?) throws {
    guard case .files(let media, let listing) = base, media.content == .sounds else {
      throw PreparationError(
        .badRecipe, "source '\(name)': '\(source.source)' is no source of sounds")
    }
    let tests = try source.conditions.map {
      (column: try listing.table.column($0.part), accepted: $0.accepted)
    }
    let rows = media.files.indices.filter { row in
      media.isGood(row)
        && tests.allSatisfy { $0.accepted.accepts(listing.table.text(row, $0.column)) }
    }
    guard !rows.isEmpty else {
      throw PreparationError(
        .badRecipe, "source '\(name)': no clip of '\(source.source)' meets 'where'")
    }
    let columns = try source.same.map { try listing.table.column($0) }
    self.source = source
    self.media = media.mapped(rows)
    self.listing = listing.mapped(rows)
    sequences = ClipSequences(
      source, name: name, rows: rows,
      keys: rows.map { row in columns.map { listing.table.text(row, $0) ?? "" } })
    notes = [
      "\(name): \(source.samples) samples of \(rows.count) clips of '\(source.source)'"
        + (columns.isEmpty ? "" : " in \(sequences.groupCount) groups")
    ]
  }

  /// The part that a field is made from: of every clip, or of the whole sample where all its clips agree.
  ///
  /// - Parameters:
  ///   - reference: the source and part as the recipe says.
  ///   - field: the field that is made; nil where a rule of the recipe asks.
  /// - Returns: the part.
  /// - Throws: ``PreparationError`` with `.badRecipe`, listing the parts there are.
  func part(
    _ reference: RecipeSplit.FieldSource, _ field: RecipeField?
  ) throws -> SourcePart {
    if case .row = field?.modality { return .sequence(.media(media), sequences) }
    let part = try LoadedSource.files(media, listing, reference, field)
    guard case .column(let table, let column) = part, source.same.contains(table.columns[column])
    else { return .sequence(part, sequences) }
    return .column(
      table.mapped((0..<sequences.count).map { sequences.clips($0).first ?? -1 }), column)
  }
}
