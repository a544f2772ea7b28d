import Configuration
import Datasets
import Foundation
import HDF5
import Tensors

extension FuzzTarget {
  /// What a sample file, or somebody else's file, says of its numbers.
  ///
  /// The library that reads HDF5 is not ours to fuzz, and its metadata are checksummed. So the bytes decide what is in
  /// a well-formed file: which objects and attributes there are, of which types, with which values.
  static let sampleFile = FuzzTarget("sample-file") { bytes in
    let path = "\(FuzzFolder.path)/sample.h5"
    unlink(path)
    var draw = FuzzDraw(bytes)
    try writeFile(path, &draw)
    _ = try? FileExamination(path)
    for fields in [[], userFields(&draw)] {
      do { try read(DataConfiguration(files: [path], fields: fields)) } catch is DatasetError {}
    }
  }

  /// Reads all samples of all splits.
  private static func read(_ configuration: DataConfiguration) throws {
    let data = try Dataset(configuration, relativeTo: "", cacheBytes: 1 << 16)
    for role in SplitRole.allCases {
      guard let split = try data.split(role) else { continue }
      for field in split.fields { _ = (split.classNames(field.name), data.idTexts(field.name)) }
      let microbatch = Microbatch(capacity: min(split.count, 8), fields: split.fields)
      for start in stride(from: 0, to: split.count, by: microbatch.capacity) {
        microbatch.count = min(microbatch.capacity, split.count - start)
        for place in 0..<microbatch.count { microbatch.sampleNumbers[place] = Int64(start + place) }
        try split.fill(microbatch)
      }
    }
  }

  private static func userFields(_ draw: inout FuzzDraw) -> [FieldConfiguration] {
    ["x", "y", "z"].map { name in
      FieldConfiguration(
        name: name, dataset: draw.flag() ? "/{split}/\(name)" : "/train/\(name)",
        kind: draw.flag() ? draw.one(of: FieldConfiguration.Kind.allCases) : nil,
        mean: draw.flag() ? draw.numbers() : nil, std: draw.flag() ? draw.numbers() : nil,
        classes: draw.flag() ? Int(truncatingIfNeeded: draw.integer()) : nil)
    }
  }

  private static func writeFile(_ path: String, _ draw: inout FuzzDraw) throws {
    let file = try HDF5File(creating: path)
    if draw.byte() > 40 { try file.root.setAttribute("format", to: .text("aimass sample file")) }
    if draw.byte() > 40 { try file.root.setAttribute("formatVersion", to: .integer(1)) }
    if draw.byte() > 40 { try file.root.setAttribute("digest", to: .text("0")) }
    try addAttributes(
      ["format", "formatVersion", "digest", "synthetic", "streams"], file.root, &draw)
    for split in ["train", "test"] where draw.flag() || split == "train" {
      let group = try file.root.createGroup(split)
      try addAttributes(["streams"], group, &draw)
      for name in ["x", "y", "z"] where draw.byte() > 20 { try addField(name, group, &draw) }
    }
    if draw.flag() {
      let words = try file.root.createGroup("vocabularies").createGroup("x")
      try addDataset("bytes", words, &draw)
      try addDataset("offsets", words, &draw)
    }
    try file.close()
  }

  private static func addField(
    _ name: String, _ group: HDF5Group, _ draw: inout FuzzDraw
  ) throws {
    guard draw.flag() else { return try addDataset(name, group, &draw) }
    let field = try group.createGroup(name)
    for part in ["values", "offsets", "present"] where draw.byte() > 60 {
      try addDataset(part, field, &draw)
    }
    try addAttributes(names, field, &draw)
  }

  private static let names = [
    "modality", "axes", "classes", "mean", "std", "chunkOffsets", "digest",
  ]

  private static func addDataset(
    _ name: String, _ group: HDF5Group, _ draw: inout FuzzDraw
  ) throws {
    let rows = Int(draw.byte()) % 12
    let shape = [max(1, rows)] + (0..<Int(draw.byte() % 3)).map { _ in Int(draw.byte() % 3) + 1 }
    let filters: [HDF5Filter] = draw.flag() ? [.fletcher32] : [.deflate(level: 1)]
    let storage = HDF5Storage(rowsPerChunk: Int(draw.byte()) % shape[0] + 1, filters: filters)
    let dataset: HDF5Dataset
    let count = shape.reduce(1, *)
    switch draw.byte() % 4 {
    case 0:
      dataset = try group.createDataset(name, of: UInt8.self, shape: shape, storage: storage)
      try dataset.writeRows(0..<shape[0], from: (0..<count).map { _ in draw.byte() })
    case 1:
      dataset = try group.createDataset(name, of: Float.self, shape: shape, storage: storage)
      try dataset.writeRows(
        0..<shape[0], from: (0..<count).map { _ in Float(truncating: draw.number() as NSNumber) })
    default:
      dataset = try group.createDataset(name, of: Int64.self, shape: shape, storage: storage)
      try dataset.writeRows(0..<shape[0], from: (0..<count).map { _ in draw.integer() })
    }
    try addAttributes(names, dataset, &draw)
  }

  private static func addAttributes(
    _ names: [String], _ object: some HDF5Attributed, _ draw: inout FuzzDraw
  ) throws {
    for name in names where draw.byte() > 150 {
      // A second one of a name is refused, and the first stays.
      try? object.setAttribute(name, to: draw.attribute())
    }
  }
}

/// Values drawn from a fuzzer's bytes, zeros after their end.
struct FuzzDraw {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

  mutating func flag() -> Bool { byte() & 1 == 1 }

  mutating func one<Value>(of values: [Value]) -> Value { values[Int(byte()) % values.count] }

  /// Small numbers, and those at the ends of what an Int64 holds.
  mutating func integer() -> Int64 {
    switch byte() % 8 {
    case 0: return Int64(Int8(bitPattern: byte()))
    case 1: return one(of: [.min, .max, -1, 1 << 31, 1 << 32, 1 << 53, 1 << 62])
    case 2: return (0..<8).reduce(0) { value, _ in value << 8 | Int64(byte()) }
    default: return Int64(byte() % 16)
    }
  }

  mutating func number() -> Double {
    switch byte() % 4 {
    case 0: return Double(Int8(bitPattern: byte()))
    case 1:
      return one(of: [.nan, .infinity, -.infinity, 1e308, -1e308, .leastNonzeroMagnitude, 0, 1])
    case 2: return Double(bitPattern: UInt64(bitPattern: integer()))
    default: return Double(byte()) / 16
    }
  }

  mutating func numbers() -> [Double] { (0..<Int(byte() % 4)).map { _ in number() } }

  mutating func text() -> String {
    let known = ["label", "ids", "text", "image", "table", "aimass sample file", "SHWC", ""]
    guard flag() else { return one(of: known) }
    return String(decoding: (0..<Int(byte() % 8)).map { _ in byte() }, as: UTF8.self)
  }

  mutating func attribute() -> HDF5Attribute {
    switch byte() % 6 {
    case 0: return .text(text())
    case 1: return .texts((0..<Int(byte() % 4)).map { _ in text() })
    case 2: return .integer(integer())
    case 3: return .integers((0..<Int(byte() % 4)).map { _ in integer() })
    case 4: return .number(number())
    default: return .numbers(numbers())
    }
  }
}
