import Configuration

/// int64 ids as a corpus makes them, or whole numbers as they are in the source.
struct IdsMaker: FieldMaker {
  let description: FieldDescription
  private let inputs: [any RawRows]

  /// Checks the sources of a field of ids.
  ///
  /// - Parameter input: windows of a corpus, or whole numbers.
  /// - Throws: ``PreparationError`` where they do not fit.
  init(_ input: FieldInput) throws {
    inputs = try input.parts.map { part in
      guard case .rows(let rows) = part, rows.element.isInteger else {
        throw input.bad("ids are windows of a corpus, or whole numbers of idx, npy or hdf5")
      }
      return rows
    }
    let shape = inputs[0].rowShape
    for rows in inputs where rows.rowShape != shape {
      throw input.bad("its sources have samples of shapes \(shape) and \(rows.rowShape)")
    }
    var description = FieldDescription(
      name: input.name, modality: "ids", element: .int64, sampleShape: shape,
      isRagged: try input.agreedSteps())
    description.describe(try IdsMaker.about(inputs, input))
    let tokenizers = inputs.map { ($0 as? CorpusRows)?.corpus.tokenizer }
    if let tokenizer = tokenizers[input.training.origin] {
      for other in tokenizers where other !== tokenizer {
        throw input.bad(
          "its corpora have vocabularies of their own; say 'like' in all but the first")
      }
      description.describe(tokenizer)
    }
    self.description = description
  }

  /// What all sources say of their ids.
  private static func about(
    _ inputs: [any RawRows], _ input: FieldInput
  ) throws -> RawDescription {
    let found = inputs[input.training.origin].about
    guard inputs.allSatisfy({ $0.about == found }) else {
      throw input.bad("its sources have ids of different vocabularies")
    }
    return found
  }

  func steps(origin: Int, row: Int) -> Int { inputs[origin].steps(row) }

  func make(origin: Int, row: Int, into target: UnsafeMutableRawPointer) throws {
    let rows = inputs[origin]
    let size = max(8, rows.rowBytes * rows.steps(row))
    try withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { cell in
      guard let base = cell.baseAddress else { return }
      rows.copy(row, into: base)
      for index in 0..<rows.scalarsPerRow * rows.steps(row) {
        guard let id = rows.element.integer(base, index), id >= 0 else {
          throw PreparationError(
            .badData, "\(rows.place(row)), number \(index): ids are whole numbers from 0")
        }
        target.storeBytes(of: id, toByteOffset: index * 8, as: Int64.self)
      }
    }
  }
}

/// int64: the row of the source that each sample was made of, which a join may have drawn; of
/// concatenated clips the row of each of them.
struct RowMaker: FieldMaker {
  let description: FieldDescription
  private let maps: [[Int]?]
  private let sequences: [ClipSequences?]

  /// A field of row numbers.
  ///
  /// - Parameter input: any source.
  /// - Throws: ``PreparationError`` where only some splits are of concatenated clips.
  init(_ input: FieldInput) throws {
    sequences = try input.sequences()
    maps = input.rowMaps
    description = FieldDescription(
      name: input.name, modality: "row", element: .int64, sampleShape: [],
      isRagged: sequences[0] != nil)
  }

  func steps(origin: Int, row: Int) -> Int { sequences[origin]?.clips(row).count ?? 1 }

  func make(origin: Int, row: Int, into target: UnsafeMutableRawPointer) throws {
    let rows = sequences[origin]?.sourceRows(row) ?? [maps[origin]?[row] ?? row]
    for (place, row) in rows.enumerated() {
      target.storeBytes(of: Int64(row), toByteOffset: place * 8, as: Int64.self)
    }
  }
}

extension FieldDescription {
  /// Takes over what a prepared file says of ids.
  fileprivate mutating func describe(_ about: RawDescription) {
    classCount = about.classCount
    words = about.words
    if let unknown = about.unknown { attributes["unknown"] = .integer(unknown) }
  }
}
