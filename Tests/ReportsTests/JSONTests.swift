import Foundation
import Glibc
import Reports
import Testing

/// JSON is written one way and read back.
@Suite struct JSONTests {
  private let value: JSONValue = [
    "step": 12, "loss": 0.1, "bad": .number(.nan), "path": "a/\"b\"\\\n\u{1}\u{2028}é",
    "list": [1, true, nil], "empty": .object([]), "deep": ["x": ["y": [2.5e-9]]],
  ]

  @Test func membersKeepTheirOrderOnOneLine() {
    #expect(
      JSONText.line(value)
        == #"{"step": 12, "loss": 0.1, "bad": null, "#
        + #""path": "a/\"b\"\\\n\u0001\u2028é", "list": [1, true, null], "empty": {}, "#
        + #""deep": {"x": {"y": [2.5e-09]}}}"#)
  }

  @Test func indentedTextFoldsOnlyPlainLists() {
    let text = JSONText.pretty(["name": "a", "rows": [[1, 2], [3, 4]], "none": []])
    #expect(
      text == """
        {
          "name": "a",
          "rows": [
            [1, 2],
            [3, 4]
          ],
          "none": []
        }

        """)
  }

  @Test func foundationReadsWhatIsWritten() throws {
    for text in [JSONText.line(value), JSONText.pretty(value)] {
      let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
      #expect(object?["path"] as? String == "a/\"b\"\\\n\u{1}\u{2028}é")
      #expect(object?["loss"] as? Double == 0.1)
      #expect(object?["bad"] is NSNull)
    }
  }

  @Test func numbersReadBackEqual() throws {
    for number in [
      0.1, 1.0 / 3, .leastNonzeroMagnitude, 1.797_693_134_862_315_7e308, -0.0, 1e22, 123_456.0,
    ] {
      let back = try JSONText.parse(JSONText.line(.number(number)))
      #expect(back.double?.bitPattern == number.bitPattern)
    }
  }

  @Test func parsingReturnsWhatWasWritten() throws {
    let expected = try JSONText.parse(JSONText.line(value))
    #expect(try JSONText.parse(JSONText.pretty(value)) == expected)
    #expect(expected["path"] == value["path"])
    #expect(expected["bad"] == .null)
    #expect(try JSONText.parse(#" "\ud83d\ude00\/\b" "#) == .text("😀/\u{8}"))
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\" 1}", "{a: 1}", "01", "1.", "+1", ".5", "tru", "\"", "\"\\x\"",
    "\"\\ud800\"", "\"\\u12g4\"", "[1] 2", "nan", "-", "\"\u{1}\"",
  ])
  func mistakesAreRefused(_ text: String) {
    let error = #expect(throws: ReportError.self) { try JSONText.parse(text) }
    #expect(error?.code == .json)
  }

  @Test func depthIsBounded() {
    let text = String(repeating: "[", count: 100_000)
    #expect(throws: ReportError.self) { try JSONText.parse(text) }
  }
}

/// The file of metrics grows by whole lines.
@Suite struct JSONLinesTests {
  private func withFile(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.appendingPathComponent("metrics.jsonl").path)
  }

  private func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  @Test func linesAppendAndTruncateAtTheirOffsets() throws {
    try withFile { path in
      let lines = try JSONLines(path: path)
      let first = try lines.append(["step": 1])
      #expect(first == 12)
      try lines.append(["step": 2])
      try lines.append(["step": 3])
      try lines.truncate(to: first)
      try lines.append(["step": 4])
      try lines.synchronize()
      #expect(try text(path) == "{\"step\": 1}\n{\"step\": 4}\n")
      let again = try JSONLines(path: path)
      #expect(again.offset == 24)
      let error = #expect(throws: ReportError.self) { try again.truncate(to: 25) }
      #expect(error?.code == .truncated)
    }
  }

  @Test func anIncompleteLastLineIsRemoved() throws {
    try withFile { path in
      try "{\"step\": 1}\n{\"ste".write(toFile: path, atomically: true, encoding: .utf8)
      let lines = try JSONLines(path: path)
      try lines.append(["step": 2])
      #expect(try text(path) == "{\"step\": 1}\n{\"step\": 2}\n")
      try String(repeating: "x", count: 200_000).write(
        toFile: path, atomically: true, encoding: .utf8)
      #expect(try JSONLines(path: path).offset == 0)
    }
  }

  /// A disk with room for some bytes.
  private final class SmallDisk {
    var room: Int
    init(room: Int) { self.room = room }

    func put(_ descriptor: Int32, _ base: UnsafeRawPointer?, _ count: Int) -> Int {
      guard room > 0 else {
        errno = ENOSPC
        return -1
      }
      let written = write(descriptor, base, min(count, room))
      room -= written
      return written
    }
  }

  private func lines(_ steps: ClosedRange<Int>) -> String {
    steps.map { "{\"step\": \($0)}\n" }.joined()
  }

  @Test func linesWaitWhileTheDiskIsFull() throws {
    try withFile { path in
      let disk = SmallDisk(room: 30)
      let lines = try JSONLines(path: path, patience: 100, put: disk.put)
      for step in 1...4 { try lines.append(["step": .integer(step)]) }
      #expect(lines.offset == 48 && lines.isBehind)
      // What fits of the third is there; a checkpoint of the second may be made, one of the fourth not.
      #expect(try text(path) == "{\"step\": 1}\n{\"step\": 2}\n{\"step")
      try lines.synchronize(through: 24)
      let failure = #expect(throws: ReportError.self) { try lines.synchronize(through: 48) }
      #expect(failure?.isFull == true, "\(failure)")
      disk.room = 1000
      try lines.append(["step": 5])
      try lines.synchronize(through: 60)
      #expect(try !lines.isBehind && text(path) == self.lines(1...5))
    }
  }

  @Test func linesThatWaitAreCutAsOthersAre() throws {
    try withFile { path in
      let disk = SmallDisk(room: 30)
      let lines = try JSONLines(path: path, patience: 100, put: disk.put)
      for step in 1...4 { try lines.append(["step": .integer(step)]) }
      try lines.truncate(to: 36)
      disk.room = 1000
      try lines.append(["step": 4])
      #expect(try text(path) == self.lines(1...4))
      disk.room = 5
      try lines.append(["step": 5])
      try lines.truncate(to: 12)
      disk.room = 1000
      try lines.append(["step": 2])
      #expect(try text(path) == self.lines(1...2))
    }
  }

  @Test func linesDoNotWaitForEver() throws {
    try withFile { path in
      let disk = SmallDisk(room: 30)
      let lines = try JSONLines(path: path, patience: 40, put: disk.put)
      let failure = #expect(throws: ReportError.self) {
        for step in 1...9 { try lines.append(["step": .integer(step)]) }
      }
      #expect(failure?.isFull == true && failure?.message.contains(path) == true, "\(failure)")
      #expect(try text(path) == self.lines(1...2) && lines.offset == 24)
    }
  }

  @Test func aMissingFolderIsNamed() {
    let error = #expect(throws: ReportError.self) {
      try JSONLines(path: "/nonexistent/folder/metrics.jsonl")
    }
    #expect(
      error?.message
        == "/nonexistent/folder/metrics.jsonl: open failed: No such file or directory")
  }
}
