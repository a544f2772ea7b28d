/// The header of a safetensors file, read strictly.
///
/// A header that passes is safe to use without further checks: names are unique, shapes multiply
/// without overflow and agree with their byte ranges, and the ranges tile the data from its first
/// byte to the file's last, without holes or overlaps.
public struct SafetensorsHeader: Sendable, Equatable {
  /// The tensors, in the order of their bytes.
  public let entries: [SafetensorsEntry]
  /// Free text by key, from `__metadata__`.
  public let metadata: [String: String]

  /// The longest header we read: 100,000,000 bytes, the limit of the reference implementation.
  static let limit = 100_000_000
  /// The most tensors in one file.
  static let tensorLimit = 1_000_000

  /// Reads and checks a header.
  ///
  /// - Parameters:
  ///   - bytes: the JSON text, without the length before it.
  ///   - dataBytes: the bytes of the file after the header.
  /// - Throws: `CheckpointError` with a sentence about the first fault; it does not name the file.
  init(parsing bytes: [UInt8], dataBytes: Int) throws {
    guard bytes.first == UInt8(ascii: "{") else {
      throw Self.damaged("its header does not begin with '{'")
    }
    var scanner = HeaderScanner(bytes)
    var entries: [SafetensorsEntry] = []
    var metadata: [String: String]?
    var names: Set<String> = []
    try scanner.list("{", "}") { scanner in
      let name = try scanner.string()
      guard names.insert(name).inserted else {
        throw Self.damaged("the name '\(name)' appears twice")
      }
      try scanner.expect(":")
      if name == "__metadata__" {
        metadata = try Self.metadata(&scanner)
      } else {
        guard entries.count < Self.tensorLimit else {
          throw Self.damaged("it has more than \(Self.tensorLimit) tensors")
        }
        entries.append(try Self.entry(name, &scanner))
      }
    }
    try scanner.expectEnd()
    entries.sort {
      ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
    }
    try Self.checkTiling(entries, dataBytes: dataBytes)
    self.entries = entries
    self.metadata = metadata ?? [:]
  }

  private static func damaged(_ text: String) -> CheckpointError {
    CheckpointError(.damaged, text)
  }

  /// Free text by key.
  private static func metadata(_ scanner: inout HeaderScanner) throws -> [String: String] {
    var metadata: [String: String] = [:]
    try scanner.list("{", "}") { scanner in
      let key = try scanner.string()
      try scanner.expect(":")
      guard metadata.updateValue(try scanner.string(), forKey: key) == nil else {
        throw damaged("the metadata key '\(key)' appears twice")
      }
    }
    return metadata
  }

  /// One tensor's description.
  private static func entry(
    _ name: String, _ scanner: inout HeaderScanner
  ) throws -> SafetensorsEntry {
    var type: String?
    var shape: [Int]?
    var offsets: [Int]?
    try scanner.list("{", "}") { scanner in
      let key = try scanner.string()
      try scanner.expect(":")
      let fresh: Bool
      switch key {
      case "dtype":
        fresh = type == nil
        type = try scanner.string()
      case "shape":
        fresh = shape == nil
        shape = try integers(&scanner)
      case "data_offsets":
        fresh = offsets == nil
        offsets = try integers(&scanner)
      default: throw damaged("tensor '\(name)' has the unknown key '\(key)'")
      }
      guard fresh else { throw damaged("tensor '\(name)' says '\(key)' twice") }
    }
    guard let type, let shape, let offsets else {
      throw damaged("tensor '\(name)' lacks one of dtype, shape and data_offsets")
    }
    return try checked(name, type, shape, offsets)
  }

  /// A list of non-negative integers.
  private static func integers(_ scanner: inout HeaderScanner) throws -> [Int] {
    var values: [Int] = []
    try scanner.list("[", "]") { scanner in
      guard values.count < 32 else { throw scanner.unexpected("at most 32 numbers") }
      values.append(try scanner.integer())
    }
    return values
  }

  /// An entry whose type is known and whose shape fits its bytes.
  private static func checked(
    _ name: String, _ type: String, _ shape: [Int], _ offsets: [Int]
  ) throws -> SafetensorsEntry {
    guard let scalar = SafetensorsEntry.ScalarType(rawValue: type) else {
      throw damaged("tensor '\(name)' has the unknown type '\(type)'")
    }
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw damaged("tensor '\(name)' has the offsets \(offsets), expected begin and end")
    }
    var bytes = scalar.size
    for extent in shape {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw damaged("tensor '\(name)' of shape \(shape) is too large") }
      bytes = product
    }
    guard offsets[1] - offsets[0] == bytes else {
      throw damaged(
        "tensor '\(name)' of \(type) \(shape) needs \(bytes) bytes, its offsets \(offsets) give"
          + " \(offsets[1] - offsets[0])")
    }
    return SafetensorsEntry(
      name: name, type: scalar, shape: shape, bytes: offsets[0]..<offsets[1])
  }

  /// Refuses holes, overlaps, and data before, after or beyond the tensors.
  private static func checkTiling(_ entries: [SafetensorsEntry], dataBytes: Int) throws {
    var end = 0
    for entry in entries {
      guard entry.bytes.lowerBound == end else {
        let fault = entry.bytes.lowerBound < end ? "overlaps the tensor before" : "leaves a hole"
        throw damaged(
          "tensor '\(entry.name)' begins at byte \(entry.bytes.lowerBound) of the data and"
            + " \(fault), which ends at \(end)")
      }
      end = entry.bytes.upperBound
    }
    guard end == dataBytes else {
      throw damaged("its header describes \(end) bytes of data, the file has \(dataBytes)")
    }
  }
}
