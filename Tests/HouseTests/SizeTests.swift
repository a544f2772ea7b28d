import Testing

/// Files and functions a person can take in.
struct SizeTests {
  static let longestFile = 400
  static let longestFunction = 40

  static func tooLong(_ file: SourceFile) -> [String] {
    SwiftText.functions(file.text).filter { $0.length > longestFunction }.map {
      "\(file.path):\($0.line): \($0.name) has \($0.length) lines"
    }
  }

  @Test func noFileIsTooLong() {
    let files =
      SourceFile.all(below: "Sources", ["swift", "c", "h"])
      + SourceFile.all(below: "Tests", ["swift"]) + SourceFile.all(below: "launch")
    for file in files {
      let count = file.lines.count - 1
      #expect(count <= Self.longestFile, "\(file.path) has \(count) lines")
    }
  }

  @Test func noFunctionIsTooLong() {
    let files =
      SourceFile.all(below: "Sources", ["swift"]) + SourceFile.all(below: "Tests", ["swift"])
    #expect(
      files.flatMap { SwiftText.functions($0.text) }.count > 200, "the search finds functions")
    for file in files {
      let found = Self.tooLong(file)
      #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
    }
  }

  @Test func aLongFunctionIsFound() {
    let body = (0..<41).map { "    print(\"{ \\($0 + \"}\".count) // {\")  // } \($0)" }
    let text =
      (["struct A {", "  public static func long(", "    of: () -> Int = { 1 }", "  ) {"]
      + body + ["  }", "  init?(x: Int) { }", "  deinit {", "    /* } */", "  }", "}"])
      .joined(separator: "\n")
    let found = SwiftText.functions(text)
    #expect(found.map(\.name) == ["long", "init", "deinit"])
    #expect(found.map(\.length) == [41, 0, 1])
    #expect(Self.tooLong(SourceFile(path: "x", text: text)) == ["x:2: long has 41 lines"])
  }

  @Test func requirementsOfProtocolsHaveNoBody() {
    let text =
      "protocol P {\n  func a()\n  init(x: Int)\n}\nfunc c(_ x: Int)\n\nfunc b() {\n}\n"
    #expect(SwiftText.functions(text).map(\.name) == ["b"])
  }
}
