import Checkpoints
import Foundation
import Testing

@Suite struct SafetensorsTests {
  private func sample() -> (floats: [Float], integers: [Int64], bytes: [UInt8]) {
    ((0..<12).map { Float($0) * 0.1 - 0.5 }, [-1, 1 << 40, .min], [1, 2, 3])
  }

  private func write(_ path: String) throws -> (bytes: Int, sha256: String) {
    let sample = sample()
    return try sample.floats.withUnsafeBytes { floats in
      try sample.integers.withUnsafeBytes { integers in
        try sample.bytes.withUnsafeBytes { raw in
          try SafetensorsWriter.write(
            [
              SafetensorsTensor(name: "raw", type: .uint8, shape: [3], bytes: raw),
              SafetensorsTensor(name: "w.\"é\"", type: .float32, shape: [3, 4], bytes: floats),
              SafetensorsTensor(name: "n", type: .int64, shape: [3], bytes: integers),
            ], metadata: ["format": "aimass", "note": "a\nb\\"], to: path)
        }
      }
    }
  }

  @Test func readsWhatItWrote() throws {
    let scratch = try Scratch()
    let written = try write(scratch.file("a.safetensors"))
    let file = try SafetensorsFile(scratch.file("a.safetensors"))
    #expect(file.header.metadata == ["format": "aimass", "note": "a\nb\\"])
    #expect(file.header.entries.map(\.name) == ["n", "w.\"é\"", "raw"])
    let entry = try #require(file["w.\"é\""])
    #expect(entry.shape == [3, 4] && entry.type == .float32)
    var part = [Float](repeating: 0, count: 5)
    try file.readFloats(entry, 4..<9, into: &part)
    #expect(part == Array(sample().floats[4..<9]))
    var integers = [Int64](repeating: 0, count: 3)
    let numbers = try #require(file["n"])
    try integers.withUnsafeMutableBytes { try file.readBytes(numbers, into: $0) }
    #expect(integers == sample().integers)
    #expect(throws: CheckpointError.self) { try file.readFloats(numbers, 0..<3, into: &part) }
    let content = try bytes(scratch.file("a.safetensors"))
    #expect(content.count == written.bytes)
    let headerBytes = content.prefix(8).enumerated().reduce(0) { $0 + Int($1.1) << (8 * $1.0) }
    #expect(headerBytes % 8 == 0)
  }

  @Test func doesNotOverwrite() throws {
    let scratch = try Scratch()
    _ = try write(scratch.file("a"))
    let before = try bytes(scratch.file("a"))
    let error = #expect(throws: CheckpointError.self) { try write(scratch.file("a")) }
    #expect(error?.code == .cannotCreate)
    #expect(try bytes(scratch.file("a")) == before)
  }

  @Test(.enabled(if: hasPythonSafetensors, "the Python package safetensors is not installed"))
  func pythonReadsOurs() throws {
    let scratch = try Scratch()
    _ = try write(scratch.file("a"))
    let text = try python(
      "safetensors.numpy",
      """
      import sys, safetensors, numpy as np
      with safetensors.safe_open(sys.argv[1], "np") as f:
        w = f.get_tensor('w."é"')
        assert w.dtype == np.float32 and w.shape == (3, 4), w
        assert np.array_equal(w.ravel(), np.arange(12, dtype=np.float32) * np.float32(.1) - np.float32(.5))
        assert f.get_tensor("n").tolist() == [-1, 1 << 40, -(1 << 63)]
        assert f.get_tensor("raw").tolist() == [1, 2, 3]
        assert f.metadata() == {"format": "aimass", "note": "a\\nb\\\\"}, f.metadata()
      print("same")
      """, [scratch.file("a")])
    #expect(text == "same\n")
  }

  @Test(.enabled(if: hasPythonSafetensors, "the Python package safetensors is not installed"))
  func weReadPythons() throws {
    let scratch = try Scratch()
    _ = try python(
      "safetensors.numpy",
      """
      import sys, numpy as np
      from safetensors.numpy import save_file
      x = np.arange(6).reshape(2, 3) / 3 - 1
      save_file({"double": x, "single": x.astype("f4"), "half": x.astype("f2"), "count": np.array(7),
        "empty": np.zeros((0, 4), "f4")}, sys.argv[1], metadata={"format": "pt"})
      """, [scratch.file("a")])
    let file = try SafetensorsFile(scratch.file("a"))
    #expect(file.header.metadata["format"] == "pt")
    let exact = (0..<6).map { Double($0) / 3 - 1 }
    for (name, expected) in [
      ("double", exact.map(Float.init)), ("single", exact.map(Float.init)),
      ("half", exact.map { Float(Float16($0)) }),
    ] {
      let entry = try #require(file[name])
      #expect(entry.shape == [2, 3])
      var found = [Float](repeating: 0, count: 6)
      try file.readFloats(entry, 0..<6, into: &found)
      #expect(found == expected, "\(name)")
    }
    #expect(file["count"]?.shape == [] && file["empty"]?.shape == [0, 4])
  }

  @Test func bfloat16IsTheUpperHalf() throws {
    let scratch = try Scratch()
    var data = safetensors(
      #"{"x":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}"#, 0)
    data.append(contentsOf: [0x80, 0x3F, 0x20, 0xC0])  // 1 and -2.5
    try data.write(to: URL(fileURLWithPath: scratch.file("a")))
    let file = try SafetensorsFile(scratch.file("a"))
    var found = [Float](repeating: 0, count: 2)
    try file.readFloats(try #require(file["x"]), 0..<2, into: &found)
    #expect(found == [1, -2.5])
  }
}
