import Configuration
import HDF5

/// int64 ids of the tokens of a text, samples of unequal length.
struct TextMaker: FieldMaker {
  let description: FieldDescription
  let notes: [String]
  private let texts: [EncodedTexts]
  private let absent: [Set<Int>]

  /// Learns the vocabulary from the training split, and encodes all texts.
  ///
  /// - Parameters:
  ///   - field: the recipe's options.
  ///   - input: one column of text.
  /// - Throws: ``PreparationError`` for another source, or text that is not UTF-8, naming the place.
  init(_ field: TextField, _ input: FieldInput) throws {
    let sequences = try input.sequences()
    let columns = try zip(input.parts, sequences).map { part, sequences -> TextColumn in
      guard case .column(let table, let column) = part.clip else {
        throw input.bad("a text is one column; write 'SOURCE.column' of a csv, or a text source")
      }
      return TextColumn(table: table, column: column, sequences: sequences)
    }
    absent = try columns.map { try $0.missing() }
    func text(_ origin: Int, _ row: Int) -> ArraySlice<UInt8> { columns[origin].text(row) ?? [] }
    let training = input.training
    let tokenizer = try Tokenizer(field.tokens, documents: training.rows.count, crew: input.crew) {
      text(training.origin, training.rows[$0])
    }
    texts = try columns.indices.map { origin in
      try EncodedTexts(
        columns[origin].count, tokenizer, maxLength: field.maxLength, input.crew
      ) { text(origin, $0) }
    }
    var description = FieldDescription(
      name: input.name, modality: "ids", element: .int64, sampleShape: [])
    description.isRagged = true
    description.describe(tokenizer)
    self.description = description
    notes = TextMaker.notes(input.name, tokenizer, texts, field.maxLength)
  }

  private static func notes(
    _ name: String, _ tokenizer: Tokenizer, _ texts: [EncodedTexts], _ maxLength: Int?
  ) -> [String] {
    let ids = texts.reduce(0) { $0 + $1.ids.count }
    let unknown = texts.reduce(0) { $0 + $1.unknown }
    let truncated = texts.reduce(0) { $0 + $1.truncated }
    let documents = texts.reduce(0) { $0 + $1.offsets.count - 1 }
    var notes = ["\(name): \(tokenizer.count) ids; \(ids) tokens in \(documents) texts"]
    if unknown > 0 { notes.append("\(name): \(unknown) tokens are unknown (id 0)") }
    if truncated > 0, let maxLength {
      notes.append("\(name): \(truncated) texts were cut to \(maxLength) ids")
    }
    return notes
  }

  func isAbsent(origin: Int, row: Int) -> Bool { absent[origin].contains(row) }

  func steps(origin: Int, row: Int) -> Int { texts[origin].length(row) }

  func make(origin: Int, row: Int, into target: UnsafeMutableRawPointer) throws {
    let offsets = texts[origin].offsets
    texts[origin].store(offsets[row]..<offsets[row + 1], into: target)
  }
}

/// A column of text; of concatenated clips their texts with a blank between.
private struct TextColumn {
  let table: TextTable
  let column: Int
  let sequences: ClipSequences?

  /// The number of samples.
  var count: Int { sequences?.count ?? table.rows }

  /// The text of a sample; nil where it, or one of its clips, has none.
  func text(_ row: Int) -> ArraySlice<UInt8>? {
    guard let clips = sequences?.clips(row) else { return table.cell(row, column) }
    let cells = clips.compactMap { table.cell($0, column) }
    return cells.count == clips.count && !clips.isEmpty
      ? ArraySlice(cells.joined(separator: [0x20])) : nil
  }

  /// The samples without a text.
  func missing() throws -> Set<Int> {
    for row in 0..<table.rows {
      guard let cell = table.cell(row, column), let fault = UnicodeText.firstFault(cell) else {
        continue
      }
      throw TextLines.notUnicode(
        "\(table.place(row)), column '\(table.columns[column])', byte \(fault + 1)")
    }
    return Set((0..<count).filter { text($0) == nil })
  }
}

extension FieldDescription {
  /// Takes over the vocabulary of a tokeniser.
  mutating func describe(_ tokenizer: Tokenizer) {
    classCount = tokenizer.count
    if !tokenizer.words.isEmpty { words = tokenizer.words }
    if let unknown = tokenizer.unknownID { attributes["unknown"] = .integer(Int64(unknown)) }
  }
}
