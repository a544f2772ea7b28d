import Glibc

/// A safetensors file opened for reading; everything in it is checked before it is believed.
public final class SafetensorsFile {
  /// Where it is.
  public let path: String
  /// What it says it holds.
  public let header: SafetensorsHeader

  private let file: InputFile
  private let dataOffset: Int
  private let places: [String: Int]

  /// Opens a file and checks its header.
  ///
  /// - Parameter path: the file.
  /// - Throws: `CheckpointError` naming the file and the first fault.
  public convenience init(_ path: String) throws {
    try self.init(InputFile(path))
  }

  /// Checks the header of an open file.
  init(_ file: InputFile) throws {
    self.file = file
    path = file.path
    do {
      (header, dataOffset) = try Self.readHeader(file)
    } catch let error as CheckpointError where error.code == .damaged {
      throw CheckpointError(
        .damaged, "\(file.path) is not a sound safetensors file: \(error.message)")
    }
    places = Dictionary(
      uniqueKeysWithValues: header.entries.enumerated().map { ($1.name, $0) })
  }

  /// The checked header and the place of the data after it.
  private static func readHeader(_ file: InputFile) throws -> (SafetensorsHeader, Int) {
    guard file.bytes >= 8 else {
      throw CheckpointError(.damaged, "it has \(file.bytes) bytes, fewer than the 8 of a length")
    }
    var length: UInt64 = 0
    try withUnsafeMutableBytes(of: &length) { try file.read(at: 0, into: $0) }
    length = UInt64(littleEndian: length)
    guard length <= UInt64(SafetensorsHeader.limit) else {
      throw CheckpointError(
        .damaged,
        "its header claims \(length) bytes, more than the \(SafetensorsHeader.limit) allowed")
    }
    let count = Int(length)
    guard 8 + count <= file.bytes else {
      throw CheckpointError(
        .damaged, "its header claims \(count) bytes, the file has \(file.bytes - 8) after it")
    }
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { try file.read(at: 8, into: $0) }
    return (
      try SafetensorsHeader(parsing: bytes, dataBytes: file.bytes - 8 - count), 8 + count
    )
  }

  /// The entry called `name`, or nil.
  public subscript(name: String) -> SafetensorsEntry? {
    places[name].map { header.entries[$0] }
  }

  /// Reads a tensor's bytes as they are.
  ///
  /// - Parameters:
  ///   - entry: a tensor of this file.
  ///   - buffer: room for exactly its bytes.
  /// - Throws: `CheckpointError` if the file has changed or cannot be read.
  public func readBytes(
    _ entry: SafetensorsEntry, into buffer: UnsafeMutableRawBufferPointer
  ) throws {
    precondition(buffer.count == entry.bytes.count, "the buffer does not fit '\(entry.name)'")
    try file.read(at: dataOffset + entry.bytes.lowerBound, into: buffer)
  }

  /// Reads some scalars of a float tensor as Float32.
  ///
  /// F32 is copied; F16 and BF16 are widened without loss; F64 is rounded to nearest.
  ///
  /// - Parameters:
  ///   - entry: a tensor of this file.
  ///   - range: which scalars, in C order.
  ///   - output: room for `range.count`.
  /// - Throws: `CheckpointError` if the tensor holds no floats or the file cannot be read.
  public func readFloats(
    _ entry: SafetensorsEntry, _ range: Range<Int>, into output: UnsafeMutablePointer<Float>
  ) throws {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= entry.count,
      "\(range) is outside '\(entry.name)'")
    guard let convert = FloatConversion(entry.type) else {
      throw CheckpointError(
        .damaged,
        "\(path): tensor '\(entry.name)' is \(entry.type.rawValue), expected F32, F16, BF16 or F64")
    }
    let size = entry.type.size
    let step = 1 << 18
    var buffer = [UInt8](repeating: 0, count: min(step, range.count) * size)
    var start = range.lowerBound
    while start < range.upperBound {
      let count = min(step, range.upperBound - start)
      try buffer.withUnsafeMutableBytes { bytes in
        let piece = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(count * size)])
        try file.read(at: dataOffset + entry.bytes.lowerBound + start * size, into: piece)
        convert(UnsafeRawBufferPointer(piece), into: output + (start - range.lowerBound))
      }
      start += count
    }
  }
}
