import Checkpoints
import Foundation
import Glibc
import Testing

/// Files that other readers have believed, crashed on, or allocated gigabytes for.
@Suite struct AttackTests {
  struct Attack: Sendable, CustomTestStringConvertible {
    let name: String
    let file: Data
    let says: String
    var testDescription: String { name }
    init(_ name: String, _ file: Data, _ says: String) {
      self.name = name
      self.file = file
      self.says = says
    }
    /// A well-framed file with a bad header.
    init(_ name: String, _ header: String, data: Int = 0, _ says: String) {
      self.init(name, safetensors(header, data), says)
    }
  }

  private static func tensor(_ name: String, _ shape: String, _ offsets: String) -> String {
    tensor(name, "F32", shape, offsets)
  }

  private static func tensor(
    _ name: String, _ type: String, _ shape: String, _ offsets: String
  ) -> String {
    "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
  }

  private static let framing: [Attack] = [
    Attack("empty file", Data(), "0 bytes"),
    Attack("seven bytes", Data(repeating: 0, count: 7), "7 bytes"),
    Attack("no header", Data(repeating: 0, count: 8), "begin with"),
    Attack("length beyond 2^63", safetensors("{}", 0, length: .max), "more than the"),
    Attack("length of the limit", safetensors("{}", 0, length: 100_000_000), "claims 100000000"),
    Attack("length of 100 GB", safetensors("{}", 0, length: 100_000_000_000), "more than the"),
    Attack("length one too long", safetensors("{}", 0, length: 3), "claims 3"),
    Attack("length one too short", safetensors("{}", 0, length: 1), "expected"),
    Attack("space before the brace", " {}", "begin with"),
    Attack("data without tensors", "{}", data: 1, "the file has 1"),
  ]

  private static let grammar: [Attack] = [
    Attack("text after the brace", "{} x", "end of the header"),
    Attack("trailing comma", "{" + tensor("a", "[1]", "[0,4]") + ",}", data: 4, "expected"),
    Attack("an array", "[]", "begin with"), Attack("unclosed", "{\"a\":", "expected"),
    Attack("nested deeply", "{\"a\":" + String(repeating: "[", count: 100_000), "expected"),
    Attack("no value", "{\"a\"}", "expected ':'"),
    Attack("half an escape", "{\"\\u12\":1}", "hexadecimal"),
    Attack("lone surrogate", "{\"\\ud800\":1}", "surrogate"),
    Attack("not UTF-8", safetensorsOfBytes([0x7B, 0x22, 0xFF, 0x22, 0x7D]), "UTF-8"),
    Attack("raw control character", "{\"a\nb\":1}", "control"),
    Attack("metadata of numbers", "{\"__metadata__\":{\"a\":1}}", "expected"),
    Attack("metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", "twice"),
    Attack("metadata key twice", "{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", "twice"),
  ]

  private static func safetensorsOfBytes(_ header: [UInt8]) -> Data {
    var data = Data([UInt8(header.count)] + [UInt8](repeating: 0, count: 7))
    data.append(contentsOf: header)
    return data
  }

  private static let tensors: [Attack] = [
    Attack("unknown type", "{" + tensor("a", "F33", "[1]", "[0,4]") + "}", data: 4, "F33"),
    Attack("type size", "{" + tensor("a", "F64", "[1]", "[0,4]") + "}", data: 4, "needs 8"),
    Attack("negative extent", "{" + tensor("a", "[-1]", "[0,4]") + "}", data: 4, "non-negative"),
    Attack("fraction", "{" + tensor("a", "[1.0]", "[0,4]") + "}", data: 4, "expected"),
    Attack("exponent", "{" + tensor("a", "[1e0]", "[0,4]") + "}", data: 4, "expected"),
    Attack("leading zero", "{" + tensor("a", "[01]", "[0,4]") + "}", data: 4, "leading zeros"),
    Attack(
      "extent beyond 2^63", "{" + tensor("a", "[99999999999999999999]", "[0,4]") + "}", data: 4,
      "below 2^63"),
    Attack(
      "product overflow", "{" + tensor("a", "[4294967296,4294967296,4]", "[0,0]") + "}",
      "too large"),
    Attack(
      "product wraps to 4", "{" + tensor("a", "U8", "[9223372036854775807,2,2]", "[0,4]") + "}",
      data: 4, "too large"),
    Attack("end before begin", "{" + tensor("a", "[1]", "[4,0]") + "}", data: 4, "begin and end"),
    Attack("three offsets", "{" + tensor("a", "[1]", "[0,4,8]") + "}", data: 4, "begin and end"),
    Attack("beyond the file", "{" + tensor("a", "[2]", "[0,8]") + "}", data: 4, "the file has 4"),
    Attack("data left over", "{" + tensor("a", "[1]", "[0,4]") + "}", data: 8, "the file has 8"),
    Attack(
      "far away", "{" + tensor("a", "[1]", "[9223372036854775803,9223372036854775807]") + "}",
      data: 4, "hole"),
    Attack(
      "overlap",
      "{" + tensor("a", "[2]", "[0,8]") + "," + tensor("b", "[2]", "[4,12]") + "}", data: 12,
      "overlaps"),
    Attack(
      "same bytes twice",
      "{" + tensor("a", "[1]", "[0,4]") + "," + tensor("b", "[1]", "[0,4]") + "}", data: 4,
      "overlaps"),
    Attack(
      "hole", "{" + tensor("a", "[1]", "[0,4]") + "," + tensor("b", "[1]", "[8,12]") + "}",
      data: 12, "hole"),
    Attack("hole at the start", "{" + tensor("a", "[1]", "[4,8]") + "}", data: 8, "hole"),
    Attack(
      "name twice", "{" + tensor("a", "[1]", "[0,4]") + "," + tensor("a", "[1]", "[4,8]") + "}",
      data: 8, "'a' appears twice"),
    Attack(
      "name twice by escape",
      "{" + tensor("a", "[1]", "[0,4]") + "," + tensor("\\u0061", "[1]", "[4,8]") + "}", data: 8,
      "twice"),
    Attack("missing offsets", #"{"a":{"dtype":"F32","shape":[1]}}"#, data: 4, "lacks"),
    Attack(
      "key twice", #"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
      data: 4, "'dtype' twice"),
    Attack(
      "unknown key", #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":"y"}}"#, data: 4,
      "unknown key 'x'"),
    Attack(
      "rank of 33",
      "{"
        + tensor(
          "a", "[" + [String](repeating: "1", count: 33).joined(separator: ",") + "]",
          "[0,4]") + "}", data: 4, "at most 32"),
  ]

  @Test(arguments: framing + grammar + tensors)
  func isRefusedInOneSentence(attack: Attack) throws {
    let scratch = try Scratch()
    let path = scratch.file("attack.safetensors")
    try write(attack.file, path)
    let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(path) }
    let message = error?.message ?? ""
    #expect(error?.code == .damaged)
    #expect(message.contains(path) && message.contains(attack.says), "\(message)")
    #expect(!message.contains("\n"))
  }

  @Test func sensibleFilesPass() throws {
    let scratch = try Scratch()
    for (header, data) in [
      ("{}", 0), ("{}   ", 0),
      ("{ \"a\" : {\"shape\":[],\"data_offsets\":[0,4],\"dtype\":\"F32\"} }", 4),
      ("{" + Self.tensor("b", "[1]", "[4,8]") + "," + Self.tensor("a", "[1]", "[0,4]") + "}", 8),
      ("{" + Self.tensor("none", "[0]", "[0,0]") + "," + Self.tensor("a", "[1]", "[0,4]") + "}", 4),
      ("{\"\\ud83d\\ude00\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1),
    ] {
      try write(safetensors(header, data), scratch.file("a"))
      #expect(throws: Never.self) { try SafetensorsFile(scratch.file("a")) }
    }
  }

  @Test func everyTruncationIsRefused() throws {
    let scratch = try Scratch()
    let whole = safetensors("{" + Self.tensor("a", "[16]", "[0,64]") + "}", 64)
    for count in 0..<whole.count {
      try write(whole.prefix(count), scratch.file("a"))
      #expect(throws: CheckpointError.self) { try SafetensorsFile(scratch.file("a")) }
    }
    try write(whole + Data([0]), scratch.file("a"))
    #expect(throws: CheckpointError.self) { try SafetensorsFile(scratch.file("a")) }
  }

  @Test func thingsThatAreNoFilesAreRefusedWithoutWaiting() throws {
    let scratch = try Scratch()
    #expect(mkfifo(scratch.file("fifo"), 0o600) == 0)
    for path in [scratch.file("fifo"), scratch.path, "/dev/zero"] {
      let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(path) }
      #expect(error?.message == "\(path) is not a regular file")
    }
    let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(scratch.file("no")) }
    #expect(error?.code == .missing)
  }
}
