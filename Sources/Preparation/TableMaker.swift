import Configuration

/// float32 tables `[F]`: standardised numbers, then 0/1 columns of categories.
struct TableMaker: FieldMaker {
  let description: FieldDescription
  /// What a person should know: columns left out, values missing, categories never seen.
  private(set) var notes: [String] = []
  private let tables: [TableInput]
  private let field: TableField
  private let numeric: [NumericColumn]
  private let numericIndices: [Int]
  private let categorical: [CategoricalColumn]

  /// Reads the whole table once, so that every error is found before anything is written.
  ///
  /// - Parameters:
  ///   - field: the recipe's options.
  ///   - input: the sources.
  /// - Throws: ``PreparationError`` for columns that do not exist and values that cannot be used.
  init(_ field: TableField, _ input: FieldInput) throws {
    self.field = field
    tables = try input.parts.map { try TableInput($0, input) }
    let training = tables[input.training.origin]
    for table in tables where table.columns != training.columns {
      throw input.bad(
        "its sources have different columns: \(training.columns.joined(separator: ", ")) and "
          + table.columns.joined(separator: ", "))
    }
    let rows = input.training.rows
    guard !rows.isEmpty else { throw input.bad("there are no training samples to measure") }
    var numeric = try TableMaker.numericColumns(field, training, input)
    try NumericColumn.measure(&numeric, training, rows, field)
    var categorical = try field.categorical.map {
      CategoricalColumn(name: $0, index: try training.column($0, input))
    }
    categorical += try field.lists.map {
      CategoricalColumn(
        name: $0.column, index: try training.column($0.column, input), separator: $0.separator)
    }
    for place in categorical.indices { categorical[place].measure(training, rows, field) }
    let constant = numeric.filter(\.isConstant)
    self.numeric = numeric.filter { !$0.isConstant }
    self.categorical = categorical
    numericIndices = self.numeric.map(\.index)
    let names = self.numeric.flatMap(TableMaker.names) + categorical.flatMap(TableMaker.names)
    guard !names.isEmpty else {
      throw input.bad(
        "no column is left: each is the same, or missing, in all training samples")
    }
    description = FieldDescription(
      name: input.name, modality: "table", element: .float32, sampleShape: [names.count],
      columns: names)
    note(constant.map(\.name), of: training, unused: input)
    try check(input)
  }

  private static func names(_ column: NumericColumn) -> [String] {
    column.hasIndicator ? [column.name, "\(column.name).missing"] : [column.name]
  }

  private static func names(_ column: CategoricalColumn) -> [String] {
    column.categories.map { "\(column.name)=\($0)" }
      + (column.hasMissing ? ["\(column.name).missing"] : [])
  }

  private static func numericColumns(
    _ field: TableField, _ table: TableInput, _ input: FieldInput
  ) throws -> [NumericColumn] {
    let hasOthers = !field.categorical.isEmpty || !field.lists.isEmpty
    let names = field.numeric ?? (hasOthers ? [] : table.columns)
    for name in field.quantile where !names.contains(name) {
      throw input.bad("'quantile' names '\(name)', which is no numeric column")
    }
    for name in field.log where !names.contains(name) {
      throw input.bad("'log' names '\(name)', which is no numeric column")
    }
    let all = names + field.categorical + field.lists.map(\.column)
    for name in all where all.filter({ $0 == name }).count > 1 {
      throw input.bad("column '\(name)' is named twice")
    }
    return try names.map {
      NumericColumn(
        name: $0, index: try table.column($0, input), isLog: field.log.contains($0),
        isQuantile: field.quantile.contains($0))
    }
  }

  private mutating func note(_ constant: [String], of table: TableInput, unused input: FieldInput) {
    if !constant.isEmpty {
      notes.append(
        "\(input.name): left out, the same in all training samples: "
          + constant.joined(separator: ", "))
    }
    for column in categorical where column.rare > 0 {
      notes.append(
        "\(input.name): \(column.rare) categories of \(column.name) are too rare for a column")
    }
    let used = Set(numeric.map(\.name) + constant + categorical.map(\.name))
    let unused = table.columns.filter { !used.contains($0) && !input.others.contains($0) }
    if !unused.isEmpty {
      notes.append("\(input.name): columns not used: \(unused.joined(separator: ", "))")
    }
  }

  /// Reads every row of every origin, and counts what is missing or new.
  private mutating func check(_ input: FieldInput) throws {
    var missing: [String: Int] = [:]
    var unseen: [String: Int] = [:]
    for table in tables.indices {
      for row in 0..<input.parts[table].count where !input.isAbsent(table, row) {
        for (place, number) in try numbers(table, row).enumerated() where number == nil {
          missing[numeric[place].name, default: 0] += 1
        }
        for column in categorical {
          guard let text = tables[table].category(row, column.index) else {
            try refuseMissing(table, row, column)
            missing[column.name, default: 0] += 1
            continue
          }
          let items = column.items(text)
          if column.hot(text).count < items.count { unseen[column.name, default: 0] += 1 }
        }
      }
    }
    let list = { (counts: [String: Int]) in
      counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
    if !missing.isEmpty { notes.append("\(input.name): missing values: \(list(missing))") }
    if !unseen.isEmpty {
      notes.append(
        "\(input.name): categories the training split does not have (all zeros): \(list(unseen))")
    }
  }

  private func refuseMissing(_ table: Int, _ row: Int, _ column: CategoricalColumn) throws {
    guard field.missingCategory == .error else { return }
    throw PreparationError(
      .badData,
      "\(tables[table].place(row, column.index)): the value is missing, and the recipe says"
        + " 'missingCategory: error'")
  }

  private func numbers(_ table: Int, _ row: Int) throws -> [Double?] {
    let found = try tables[table].numbers(
      row, numericIndices, nanIsMissing: field.nanIsMissing)
    return try zip(found, numeric).map { number, column in
      guard let number else {
        guard field.missing != .error else {
          throw PreparationError(
            .badData,
            "\(tables[table].place(row, column.index)): the value is missing, and the recipe says"
              + " 'missing: error'")
        }
        return nil
      }
      return try column.transformed(number, tables[table].place(row, column.index))
    }
  }

  func make(origin: Int, row: Int, into target: UnsafeMutableRawPointer) throws {
    var place = 0
    func store(_ value: Float) {
      target.storeBytes(of: value, toByteOffset: place * 4, as: Float.self)
      place += 1
    }
    for (number, column) in zip(try numbers(origin, row), numeric) {
      store(column.stored(number, standardize: field.standardize))
      if column.hasIndicator { store(number == nil ? 1 : 0) }
    }
    for column in categorical {
      let hot = column.hot(tables[origin].category(row, column.index))
      for index in 0..<column.width { store(hot.contains(index) ? 1 : 0) }
    }
  }
}
