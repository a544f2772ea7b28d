import Configuration
import Preparation
import Testing

/// Text tables and what becomes of their columns.
@Suite struct TableTests {
  private func table(
    _ options: RecipeSource.CSVOptions, _ field: TableField, test: Bool = false
  ) -> RecipeConfiguration {
    recipe(
      [("a", .csv(paths: ["a.csv"], options: options))]
        + (test ? [("b", .csv(paths: ["b.csv"], options: options))] : []),
      train: [("table", "a")], test: test ? [("table", "b")] : nil,
      fields: [("table", .table(field))])
  }

  private func table(_ field: TableField, test: Bool = false) -> RecipeConfiguration {
    table(.init(), field, test: test)
  }

  private func columns(_ bench: Workbench) throws -> [String] {
    try bench.dataset("train/table").attribute("columns")?.asTexts ?? []
  }

  @Test func readsEveryCornerOfTheFormat() throws {
    let bench = try Workbench()
    try bench.write(
      "a.csv",
      "\u{feff}# a note\r\nname, size\r\n\"a,\"\"b\"\"\", 1\r\n\r\n# more\r\n  c d  ,2\r\n\"two\nlines\" ,3\r\n"
    )
    try bench.prepare(
      table(
        .init(comment: "#"), .init(numeric: ["size"], categorical: ["name"], standardize: false)))
    #expect(try columns(bench) == ["size", "name=a,\"b\"", "name=c d", "name=two\nlines"])
    #expect(try bench.floats("train/table") == [1, 1, 0, 0, 2, 0, 1, 0, 3, 0, 0, 1])
  }

  @Test func readsOtherSeparatorsAndNamesColumns() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "1\t\tx\n3\t4\ty")
    try bench.prepare(
      table(
        .init(separator: "\t", header: false, columns: ["p", "q", "r"], missing: [""]),
        .init(numeric: ["p", "q"], standardize: false, missing: .mean)))
    #expect(try columns(bench) == ["p"])
    #expect(try bench.floats("train/table") == [1, 3])
  }

  @Test func namesTheLineOfARaggedRow() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "x,y\n1,2\n\"3\n\",4\n5\n")
    let message = try bench.failure(table(.init(numeric: ["y"])))
    #expect(message.contains("a.csv, line 5: expected 2 fields, found 1"))
    try bench.write("a.csv", "x,y\n1,\"2\n")
    #expect(
      try bench.failure(table(.init(numeric: ["y"]))).contains("line 2: a quoted field is never"))
    try bench.write("a.csv", "x,y\n1,\"2\"3\n")
    #expect(
      try bench.failure(table(.init(numeric: ["y"]))).contains("line 2: expected a separator"))
    try bench.write("a.csv", "x,x\n1,2\n")
    #expect(try bench.failure(table(.init(numeric: ["x"]))).contains("two columns are called 'x'"))
    try bench.write("a.csv", "x,y\n1,2\n")
    #expect(
      try bench.failure(table(.init(numeric: ["z"])), code: .badRecipe)
        .contains("no column 'z'; the columns are x, y"))
  }

  @Test func refusesATableWithoutRows() throws {
    let bench = try Workbench()
    for text in ["", "x,y\n", "\n\n"] {
      try bench.write("a.csv", text)
      let message = try bench.failure(table(.init(numeric: ["y"])))
      #expect(message.contains("a.csv: expected rows of a table, found none"), "\(message)")
    }
  }

  @Test func standardizesByTheTrainingSplitOnly() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "x,y\n1,0\n3,0\n5,0\n")
    try bench.write("b.csv", "x,y\n7,9\n")
    let summary = try bench.prepare(table(.init(numeric: ["x", "y"]), test: true))
    let std = (8.0 / 3).squareRoot()
    #expect(try columns(bench) == ["x"])
    #expect(try bench.floats("train/table") == [Float(-2 / std), 0, Float(2 / std)])
    #expect(try bench.floats("test/table") == [Float(4 / std)])
    #expect(summary.notes == ["table: left out, the same in all training samples: y"])
  }

  @Test func marksMissingValuesAndCategories() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "x,c\n1,u\n?,?\n3,v\n")
    try bench.write("b.csv", "x,c\n?,w\n2,?\n")
    let options = RecipeSource.CSVOptions(missing: ["?"])
    let summary = try bench.prepare(
      table(options, .init(numeric: ["x"], categorical: ["c"]), test: true))
    #expect(try columns(bench) == ["x", "x.missing", "c=u", "c=v", "c.missing"])
    #expect(
      try bench.floats("train/table") == [-1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0])
    #expect(try bench.floats("test/table") == [0, 1, 0, 0, 0, 0, 0, 0, 0, 1])
    #expect(
      summary.notes == [
        "table: missing values: c 2, x 2",
        "table: categories the training split does not have (all zeros): c 1",
      ])
    try bench.prepare(
      table(
        options,
        .init(
          numeric: ["x"], categorical: ["c"], missing: .mean, missingCategory: .zeros)))
    #expect(try columns(bench) == ["x", "c=u", "c=v"])
    #expect(try bench.floats("train/table") == [-1, 1, 0, 0, 0, 0, 1, 0, 1])
  }

  @Test func refusesWhatIsMissingWhereToldTo() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "x,c\n1,u\n?,?\n3,v\n")
    let options = RecipeSource.CSVOptions(missing: ["?"])
    #expect(
      try bench.failure(table(options, .init(numeric: ["x"], missing: .error)))
        .contains("a.csv, line 3, column 'x': the value is missing"))
    #expect(
      try bench.failure(table(options, .init(categorical: ["c"], missingCategory: .error)))
        .contains("a.csv, line 3, column 'c': the value is missing"))
    #expect(
      try bench.failure(table(.init(numeric: ["x"])))
        .contains("line 3, column 'x': expected a number, found '?'"))
  }

  @Test func namesFileRowAndColumnOfNumbersThatAreNone() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "x,y\n1,2\n2,nan\n3,1e999\n")
    #expect(
      try bench.failure(table(.init(numeric: ["y"]))).contains("a.csv, line 3, column 'y': nan"))
    #expect(
      try bench.failure(table(.init(numeric: ["y"], missing: .mean)))
        .contains("a.csv, line 4, column 'y': inf"))
    try bench.write("a.csv", "x,y\n1,2\n2,nan\n3,4\n")
    try bench.prepare(table(.init(numeric: ["y"], missing: .mean)))
    #expect(try bench.floats("train/table") == [-1, 0, 1])
  }

  @Test func refusesWhatIsNoText() throws {
    let bench = try Workbench()
    for (text, words) in [
      (Array("x,y\n1,2\n3,".utf8) + [0xe9, 0x0a], "a.csv, line 3, byte 3: not UTF-8"),
      (Array("x,y\n1,2\n3,4\u{0}5\n".utf8), "a.csv, line 3, byte 4: a byte 0"),
      (Array("x,y\n1,2\n3,0x10\n".utf8), "line 3, column 'y': expected a number, found '0x10'"),
    ] {
      try bench.write("a.csv", text)
      let message = try bench.failure(table(.init(numeric: ["y"])))
      #expect(message.contains(words), "\(message)")
    }
  }

  @Test func takesLogarithms() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "x\n0\n1\n")
    try bench.prepare(table(.init(numeric: ["x"], log: ["x"], standardize: false)))
    #expect(try bench.floats("train/table") == [0, 0.6931472])
    try bench.write("a.csv", "x\n0\n-1\n")
    #expect(
      try failureOver(bench, table(.init(numeric: ["x"], log: ["x"])))
        .contains("line 3, column 'x': log(1 + x) needs x > -1"))
  }

  private func failureOver(_ bench: Workbench, _ recipe: RecipeConfiguration) throws -> String {
    #expect(throws: PreparationError.self) { try bench.prepare(recipe) }?.message ?? ""
  }
}
