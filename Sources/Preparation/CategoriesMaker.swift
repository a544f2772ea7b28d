import Configuration
import HDF5

/// int64 ids of categories, all columns numbered through in one vocabulary.
///
/// The first id of each column is that of what the training split does not have, or has too rarely.
struct CategoriesMaker: FieldMaker {
  let description: FieldDescription
  let notes: [String]
  private let tables: [TableInput]
  private let columns: [IdColumn]

  /// Learns the categories of the training split.
  ///
  /// - Parameters:
  ///   - field: the recipe's options.
  ///   - input: a table, one of its columns, or whole numbers.
  /// - Throws: ``PreparationError`` for columns that do not exist.
  init(_ field: CategoriesField, _ input: FieldInput) throws {
    let tables = try input.parts.map { try TableInput($0, input) }
    self.tables = tables
    let training = tables[input.training.origin]
    let isSingle = field.columns.isEmpty
    if isSingle, tables.contains(where: { $0.columns.count != 1 }) {
      throw input.bad("name the 'columns', or one column as its source: 'SOURCE.column'")
    }
    var first = 0
    columns = try (isSingle ? [training.columns[0]] : field.columns).map { name in
      let indices = try tables.map { isSingle ? 0 : try $0.column(name, input) }
      let column = try IdColumn(
        name: isSingle ? nil : name, indices: indices, first: first, field.minimumCount, training,
        input)
      first += column.count
      return column
    }
    var description = FieldDescription(
      name: input.name, modality: "ids", element: .int64,
      sampleShape: isSingle ? [] : [columns.count])
    description.classCount = first
    description.words = columns.flatMap(\.words)
    description.attributes["unknown"] = .integers(columns.map { Int64($0.first) })
    if !isSingle {
      description.columns = field.columns
      description.attributes["sizes"] = .integers(columns.map { Int64($0.count) })
    }
    self.description = description
    notes = CategoriesMaker.notes(input, tables, columns, field)
  }

  private static func notes(
    _ input: FieldInput, _ tables: [TableInput], _ columns: [IdColumn], _ field: CategoriesField
  ) -> [String] {
    var unknown: [String] = []
    for column in columns {
      var count = 0
      for origin in tables.indices {
        for row in 0..<input.parts[origin].count where !input.isAbsent(origin, row) {
          let id = column.id(tables[origin].category(row, column.indices[origin]))
          if id == column.first { count += 1 }
        }
      }
      if count > 0 { unknown.append("\(column.name ?? input.name) \(count)") }
    }
    let total = columns.reduce(0) { $0 + $1.count }
    return ["\(input.name): \(total) ids"]
      + (unknown.isEmpty
        ? []
        : [
          "\(input.name): values the training split does not have"
            + (field.minimumCount > 1 ? " \(field.minimumCount) times" : "")
            + " (unknown): \(unknown.joined(separator: ", "))"
        ])
  }

  func make(origin: Int, row: Int, into target: UnsafeMutableRawPointer) throws {
    for (place, column) in columns.enumerated() {
      let id = column.id(tables[origin].category(row, column.indices[origin]))
      target.storeBytes(of: Int64(id), toByteOffset: place * 8, as: Int64.self)
    }
  }
}

/// The ids of one column.
private struct IdColumn {
  /// Its name; nil where it is the only one.
  let name: String?
  /// Its place in each split's table.
  let indices: [Int]
  /// The first id, of what is unknown.
  let first: Int
  /// The text of each id from `first` on.
  let words: [ByteString]
  private let missing: Int?
  private let ids: [ByteString: Int]

  /// The number of ids.
  var count: Int { words.count }

  /// Learns the categories; each rank counts its part of the training samples.
  init(
    name: String?, indices: [Int], first: Int, _ minimumCount: Int, _ table: TableInput,
    _ input: FieldInput
  ) throws {
    self.name = name
    self.indices = indices
    self.first = first
    var counts = ByteCounts()
    var without = 0
    for place in input.crew.share(input.training.rows.count) {
      let row = input.training.rows[place]
      if let text = table.category(row, indices[input.training.origin]) {
        counts.add(ByteString(text))
      } else {
        without += 1
      }
    }
    let total = try input.crew.sums([without])[0]
    let packed = try input.crew.reduce(counts.packed) { parts in
      IdColumn.ordered(ByteCounts(merging: parts).ranked(minimumCount: minimumCount)).packed
    }
    let categories = [ByteString](unpacking: packed)
    let hasMissing = name != nil && total > 0
    missing = hasMissing ? first + 1 : nil
    let start = first + (hasMissing ? 2 : 1)
    ids = Dictionary(uniqueKeysWithValues: categories.enumerated().map { ($1, start + $0) })
    let prefix = name.map { ByteString("\($0)=").bytes } ?? []
    words =
      [ByteString(prefix + Tokenizer.unknown.bytes)]
      + (hasMissing ? [ByteString("\(name ?? "").missing")] : [])
      + categories.map { ByteString(prefix + $0.bytes) }
  }

  /// The order of numbers where all are whole numbers, else of bytes.
  private static func ordered(_ categories: [ByteString]) -> [ByteString] {
    let numbers = categories.map { text in
      Int(text.text).flatMap { "\($0)" == text.text ? $0 : nil }
    }
    guard numbers.allSatisfy({ $0 != nil }) else { return categories.sorted() }
    return zip(numbers, categories).sorted { ($0.0 ?? 0) < ($1.0 ?? 0) }.map(\.1)
  }

  /// The id of a category, nil being a missing one.
  func id(_ text: String?) -> Int {
    guard let text else { return missing ?? first }
    return ids[ByteString(text)] ?? first
  }
}
