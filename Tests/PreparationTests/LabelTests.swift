import Configuration
import Preparation
import Testing

/// Labels: given and inferred classes, mapping, range.
@Suite struct LabelTests {
  private func csv(_ field: LabelField, test: Bool = false) -> RecipeConfiguration {
    recipe(
      [("a", .csv(paths: ["a.csv"], options: .init(missing: ["?"])))]
        + (test ? [("b", .csv(paths: ["b.csv"], options: .init()))] : []),
      train: [("label", "a.y")], test: test ? [("label", "b.y")] : nil,
      fields: [("label", .label(field))])
  }

  private func numbered(_ field: LabelField) -> RecipeConfiguration {
    recipe(
      [("a", .idx(paths: ["a"]))], train: [("label", "a")], fields: [("label", .label(field))])
  }

  private func classes(_ bench: Workbench) throws -> [String] {
    try bench.dataset("train/label").attribute("classes")?.asTexts ?? []
  }

  @Test func stripsAndMapsTexts() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "y\n<=50K\n>50K\n")
    try bench.write("b.csv", "y\n>50K.\nrich\n")
    let field = LabelField(
      classes: ["<=50K", ">50K"], strip: ".",
      mapping: [.init(text: "rich", className: ">50K")])
    let summary = try bench.prepare(csv(field, test: true))
    #expect(try bench.labels("train/label") == [0, 1])
    #expect(try bench.labels("test/label") == [1, 1])
    #expect(summary.labels.map(\.counts) == [[1, 1], [0, 2]])
    #expect(try classes(bench) == ["<=50K", ">50K"])
  }

  @Test func infersClasses() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "y\nb\na\nC\nb\n")
    try bench.prepare(csv(.init()))
    #expect(try classes(bench) == ["C", "a", "b"])
    #expect(try bench.labels("train/label") == [2, 1, 0, 2])
    try bench.write("a.csv", "y\n10\n9\n-2\n")
    try bench.prepare(csv(.init()))
    #expect(try classes(bench) == ["-2", "9", "10"])
    try bench.write("a", idx([3], [2, 0, 2]))
    try bench.prepare(numbered(.init()))
    #expect(try classes(bench) == ["0", "1", "2"])
  }

  @Test func mapsNumbersByText() throws {
    let bench = try Workbench()
    try bench.write("a", idx([3], [1, 2, 1]))
    try bench.prepare(
      numbered(
        .init(
          classes: ["no", "yes"],
          mapping: [.init(text: "1", className: "no"), .init(text: "2", className: "yes")])))
    #expect(try bench.labels("train/label") == [0, 1, 0])
  }

  @Test func refusesWhatIsNoClass() throws {
    let bench = try Workbench()
    try bench.write("a", idx([3], [1, 2, 5]))
    let message = try bench.failure(numbered(.init(classes: ["a", "b", "c"])))
    #expect(message.contains("a, row 2: label '5'") && message.contains("0..<3"))
    try bench.write("a.csv", "y\nx\n?\n")
    #expect(
      try bench.failure(csv(.init())).contains("a.csv, line 3, column 'y': the label is missing"))
    try bench.write("a.csv", "y\nx\nz\n")
    #expect(
      try bench.failure(csv(.init(classes: ["x", "y"]))).contains("a.csv, line 3: label 'z'"))
    try bench.write("a", idx([2], type: 0x0d, raw([Float(1), 2])))
    #expect(
      try bench.failure(numbered(.init()), code: .badRecipe).contains("one whole number per sample")
    )
  }
}
