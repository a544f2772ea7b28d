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
    let columns = try input.parts.map { part -> (TextTable, Int) in
      guard case .column(let table, let column) = part else {
        throw input.bad("a text is one column; write 'SOURCE.column' of a csv, or a text source")
      }
      return (table, column)
    }
    absent = try columns.map { table, column in
      var missing: Set<Int> = []
      for row in 0..<table.rows {
        guard let cell = table.cell(row, column) else {
          missing.insert(row)
          continue
        }
        if let fault = UnicodeText.firstFault(cell) {
          throw TextLines.notUnicode(
            "\(table.place(row)), column '\(table.columns[column])', byte \(fault + 1)")
        }
      }
      return missing
    }
    func text(_ origin: Int, _ row: Int) -> ArraySlice<UInt8> {
      columns[origin].0.cell(row, columns[origin].1) ?? []
    }
    let training = input.training
    let tokenizer = try Tokenizer(field.tokens, documents: training.rows.count, crew: input.crew) {
      text(training.origin, training.rows[$0])
    }
    texts = try columns.indices.map { origin in
      try EncodedTexts(
        columns[origin].0.rows, tokenizer, maxLength: field.maxLength, input.crew
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

extension FieldDescription {
  /// Takes over the vocabulary of a tokeniser.
  mutating func describe(_ tokenizer: Tokenizer) {
    classCount = tokenizer.count
    if !tokenizer.words.isEmpty { words = tokenizer.words }
    if let unknown = tokenizer.unknownID { attributes["unknown"] = .integer(Int64(unknown)) }
  }
}
