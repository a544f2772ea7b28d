import Configuration
import Testing

/// A name becomes a folder, a dataset and part of parameters' names: it can be nothing but a name.
struct NameTests {
  static let wrong: [String] = [
    ".", "..", "../x", "x/../y", "/", "/etc/passwd", "x/y", "x/", "./x", "~", "~root", "x\\y",
    "..\\x",
    "%2e", "%2e%2e", "%2e%2e%2fx", "%00", "x%2fy", "x%5cy", "..%c0%af", ".hidden", "x.y", "-", "-x",
    "--output", "-rf", " x", "x ", " ", "x y", "x\ty", "x\ny", "x\r", "\u{7f}", "x\u{1b}[31m",
    "x\u{8}",
    "x;rm", "x|y", "x&y", "$HOME", "${HOME}", "$(id)", "`id`", "x*", "x?", "[x]", "{x}", "x>y",
    "x<y",
    "x'y", "x\"y", "x:y", "x@y", "x=y", "x,y", "x#y", "x!", "ä", "naïve", "е", "xｘ", "．．", "／", "∕",
    "x\u{202e}y", "x\u{200b}y", "x\u{300}", "①", "٣", "𝟏", "🙂", "ﬁ", "\u{212a}",
    "\u{2024}\u{2024}",
    String(repeating: "x", count: 101), String(repeating: "x", count: 4096),
  ]

  /// A text as a YAML scalar in double quotes.
  private static func quoted(_ text: String) -> String {
    let escaped = text.unicodeScalars.map { scalar in
      scalar.value < 32 || scalar.value == 127
        ? "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
        : scalar == "\"" || scalar == "\\" ? "\\" + String(scalar) : String(scalar)
    }
    return "\"" + escaped.joined() + "\""
  }

  private static let run = """

    data: {file: x.h5}
    batch: {global: 4}
    modalities: {a: {field: a, encoder: [{linear: 2}]}}
    heads: {b: {layers: [{linear: 2}], loss: crossEntropy, target: b}}
    optimizer: {sgd: {learningRate: 0.1}}
    train: {steps: 1}

    """

  @Test func namesOfRunsAreNames() throws {
    #expect(Self.wrong.count >= 60 && Set(Self.wrong).count == Self.wrong.count)
    for name in Self.wrong {
      let error = #expect(throws: ConfigurationError.self, "\(name.debugDescription)") {
        try ConfiguredRun.decode(yaml: "name: \(Self.quoted(name))" + Self.run, name: "run")
      }
      #expect(error?.problems.map(\.path) == ["name"], "\(name.debugDescription): \(error)")
    }
    // A byte order mark is no character of the text.
    for name in ["x", "\u{feff}x", "_x", "x-y", "X9", "0", String(repeating: "x", count: 100)] {
      #expect(throws: Never.self) {
        try ConfiguredRun.decode(yaml: "name: \(Self.quoted(name))" + Self.run, name: "run")
      }
    }
  }

  @Test func aByteZeroIsNoName() {
    for text in ["\"x\\0\"", "\"\\0\"", "\"x\\x00y\""] {
      #expect(throws: ConfigurationError.self) {
        try ConfiguredRun.decode(yaml: "name: \(text)" + Self.run, name: "run")
      }
      #expect(throws: ConfigurationError.self) {
        try ConfiguredRun.decode(
          yaml: "name: x" + Self.run.replacing("x.h5", with: text), name: "run")
      }
    }
  }
}
