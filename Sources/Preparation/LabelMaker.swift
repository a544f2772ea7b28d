import Configuration

/// int64 class numbers `0 ..< Y`: one a sample, or one for each of its concatenated clips.
struct LabelMaker: FieldMaker {
  let description: FieldDescription
  /// The class of every row of every origin: a sample, or a clip.
  private let labels: [[Int64]]
  /// The clips of each sample; nil where a sample is one row.
  private let sequences: [ClipSequences?]

  /// Reads all labels of a field.
  ///
  /// - Parameters:
  ///   - field: the recipe's options.
  ///   - input: the sources.
  /// - Throws: ``PreparationError`` for a label that is no class, naming file and row.
  init(_ field: LabelField, _ input: FieldInput) throws {
    let sequences = try input.sequences()
    let texts = try LabelMaker.texts(field, input)
    let classes = try LabelMaker.classes(field, input, texts, sequences)
    guard Set(classes).count == classes.count else {
      throw input.bad("two classes have the same name in \(classes)")
    }
    guard !classes.isEmpty else {
      throw input.bad("there are no training samples to take classes from")
    }
    let byNumber = texts.isNumbered && field.mapping.isEmpty
    let numbers = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, Int64($0)) })
    labels = try texts.values.indices.map { origin in
      try texts.values[origin].indices.map { row in
        if LabelMaker.isAbsent(origin, row, input) { return 0 }
        let text = texts.values[origin][row]
        let number =
          byNumber
          ? Int64(text).flatMap { (0..<Int64(classes.count)).contains($0) ? $0 : nil }
          : numbers[text]
        guard let number else {
          throw LabelMaker.noClass(text, input.parts[origin], row, classes, byNumber, input)
        }
        return number
      }
    }
    self.sequences = sequences
    description = FieldDescription(
      name: input.name, modality: "label", element: .int64, sampleShape: [], classes: classes,
      isRagged: sequences[0] != nil)
  }

  /// The classes that the recipe lists, or those of the training samples.
  private static func classes(
    _ field: LabelField, _ input: FieldInput, _ texts: (values: [[String]], isNumbered: Bool),
    _ sequences: [ClipSequences?]
  ) throws -> [String] {
    guard field.classes.isEmpty else { return field.classes }
    let (origin, rows) = input.training
    let training = rows.flatMap { row in
      (sequences[origin]?.clips(row) ?? [row]).map { texts.values[origin][$0] }
    }
    return texts.isNumbered && field.mapping.isEmpty
      ? try named(input) ?? range(training, input) : sorted(Set(training + declared(field, input)))
  }

  func steps(origin: Int, row: Int) -> Int { sequences[origin]?.clips(row).count ?? 1 }

  /// The classes of a sample.
  func classes(origin: Int, row: Int) -> [Int64] {
    sequences[origin]?.clips(row).map { labels[origin][$0] } ?? [labels[origin][row]]
  }

  func make(origin: Int, row: Int, into target: UnsafeMutableRawPointer) throws {
    for (place, number) in classes(origin: origin, row: row).enumerated() {
      target.storeBytes(of: number, toByteOffset: place * 8, as: Int64.self)
    }
  }

  /// Whether a row is a sample without a label: a join may leave such samples out; keeping them is refused.
  private static func isAbsent(_ origin: Int, _ row: Int, _ input: FieldInput) -> Bool {
    // Rows of concatenated clips are clips, and all of them have labels.
    if case .sequence = input.parts[origin] { return false }
    return input.isAbsent(origin, row)
  }

  /// The labels as texts after `strip` and `mapping`, and whether they were numbers in the source.
  private static func texts(
    _ field: LabelField, _ input: FieldInput
  ) throws -> (values: [[String]], isNumbered: Bool) {
    var mapping: [String: String] = [:]
    for pair in field.mapping { mapping[pair.text] = pair.className }
    var isNumbered = true
    let values = try input.parts.enumerated().map { origin, part -> [String] in
      switch part.clip {
      case .rows(let rows):
        return try integers(rows, input).map { mapping[String($0)] ?? String($0) }
      case .column(let table, let column):
        isNumbered = false
        return try (0..<table.rows).map { row in
          if isAbsent(origin, row, input) { return "" }
          guard let text = table.text(row, column) else {
            throw PreparationError(
              .badData,
              "\(table.place(row)), column '\(table.columns[column])': the label is missing")
          }
          let bare = stripped(text, field.strip)
          return mapping[bare] ?? bare
        }
      case .table:
        throw input.bad("a label is one column; write 'SOURCE.column'")
      case .media, .sequence:
        throw input.bad(
          "a label is a part of the files' names or of their list; write 'SOURCE.part'")
      }
    }
    return (values, isNumbered)
  }

  /// Labels that the training material names though no sample may have them: folders of classes.
  private static func declared(_ field: LabelField, _ input: FieldInput) -> [String] {
    guard case .column(let table, let column) = input.parts[input.training.origin].clip else {
      return []
    }
    return (table.declared[table.columns[column]] ?? []).map { text in
      let bare = stripped(text, field.strip)
      return field.mapping.last { $0.text == bare }?.className ?? bare
    }
  }

  private static func integers(_ rows: any RawRows, _ input: FieldInput) throws -> [Int64] {
    guard rows.scalarsPerRow == 1, rows.element.isInteger else {
      throw input.bad(
        "expected one whole number per sample, found \(rows.element.rawValue) \(rows.rowShape)")
    }
    return try withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { cell in
      guard let base = cell.baseAddress else { return [] }
      return try (0..<rows.rows).map { row in
        rows.copy(row, into: base)
        guard let number = rows.element.integer(base, 0) else {
          throw PreparationError(.badData, "\(rows.place(row)): the label exceeds 64 bits")
        }
        return number
      }
    }
  }

  private static func stripped(_ text: String, _ ends: String) -> String {
    guard !ends.isEmpty else { return text }
    var text = Substring(text)
    while let last = text.last, ends.contains(last) { text.removeLast() }
    return String(text)
  }

  /// The names of classes that prepared files give their numbers; nil where there are none.
  private static func named(_ input: FieldInput) throws -> [String]? {
    let names = input.parts.map { part -> [String]? in
      if case .rows(let rows) = part { rows.about.classes } else { nil }
    }
    guard let first = names[input.training.origin] else { return nil }
    guard names.allSatisfy({ $0 == first }) else {
      throw input.bad("its sources name their classes differently; list 'classes'")
    }
    return first
  }

  /// Classes `0 ... maximum` of whole numbers.
  private static func range(_ texts: [String], _ input: FieldInput) throws -> [String] {
    let numbers = texts.compactMap { Int($0) }
    guard let low = numbers.min(), let high = numbers.max(), low >= 0, high < 1_000_000 else {
      throw input.bad(
        "expected labels from 0 to at most 999999, found \(numbers.min() ?? 0) to"
          + " \(numbers.max() ?? 0); list 'classes' and a 'mapping'")
    }
    return (0...high).map(String.init)
  }

  /// Distinct texts in the order of their numbers if all are whole, else of their bytes.
  private static func sorted(_ texts: Set<String>) -> [String] {
    if texts.allSatisfy({ Int($0).map(String.init) == $0 }) {
      return texts.sorted { (Int($0) ?? 0) < (Int($1) ?? 0) }
    }
    return texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private static func noClass(
    _ text: String, _ part: SourcePart, _ row: Int, _ classes: [String], _ byNumber: Bool,
    _ input: FieldInput
  ) -> PreparationError {
    let place =
      switch part.clip {
      case .rows(let rows): rows.place(row)
      case .table(let table), .column(let table, _): table.place(row)
      case .media(let media): media.place(row)
      case .sequence: "row \(row)"
      }
    let listed = classes.prefix(12).joined(separator: ", ") + (classes.count > 12 ? ", …" : "")
    let expected = byNumber ? "a number in 0..<\(classes.count)" : "one of \(listed)"
    return PreparationError(
      .badData,
      "\(place): label '\(text)' of field '\(input.name)' is no class; expected \(expected);"
        + " correct 'classes', 'strip' or 'mapping' of the field")
  }
}
