import FaultPoints
import Glibc

/// A tensor to be written to a safetensors file.
public struct SafetensorsTensor {
  /// Its name in the file.
  public let name: String
  /// How its scalars are stored.
  public let type: SafetensorsEntry.ScalarType
  /// Extents, slowest first.
  public let shape: [Int]
  /// Its scalars, little-endian, in C order; must stay valid while it is written.
  public let bytes: UnsafeRawBufferPointer

  /// A tensor over bytes that someone else keeps.
  public init(
    name: String, type: SafetensorsEntry.ScalarType, shape: [Int], bytes: UnsafeRawBufferPointer
  ) {
    precondition(
      shape.reduce(type.size, *) == bytes.count, "'\(name)' of \(shape) is not \(bytes.count) bytes"
    )
    self.name = name
    self.type = type
    self.shape = shape
    self.bytes = bytes
  }

  /// Float32 scalars at `base`.
  public init(name: String, shape: [Int], floats base: UnsafePointer<Float>) {
    let count = shape.reduce(1, *) * MemoryLayout<Float>.stride
    self.init(
      name: name, type: .float32, shape: shape,
      bytes: UnsafeRawBufferPointer(start: base, count: count))
  }
}

/// Writes safetensors files: a length, a JSON header padded with spaces, and the tensors' bytes.
///
/// The tensors' bytes begin at a multiple of 8 bytes, in files that are large enough for direct writes at a
/// multiple of 4096.
public enum SafetensorsWriter {
  /// Writes a new file and syncs it.
  ///
  /// - Parameters:
  ///   - tensors: what it holds; wider scalars are placed first so that each tensor is aligned.
  ///   - metadata: free text by key.
  ///   - path: the file, which must not exist yet.
  /// - Returns: the file's size and SHA-256.
  /// - Throws: `CheckpointError` naming the path.
  public static func write(
    _ tensors: [SafetensorsTensor], metadata: [String: String] = [:], to path: String
  ) throws -> (bytes: Int, sha256: String) {
    let (ordered, header) = layOut(tensors, metadata)
    return try OutputFile.create(path) { file in
      FaultPoint.shardCreated.reach()
      var length = UInt64(header.utf8.count).littleEndian
      try withUnsafeBytes(of: &length) { try file.write($0) }
      try file.write(header)
      for stretch in joined(ordered.map(\.bytes)) { try file.write(stretch) }
      FaultPoint.shardWritten.reach()
    }
  }

  /// The size of the file that ``write(_:metadata:to:)`` would make.
  static func byteCount(_ tensors: [SafetensorsTensor], metadata: [String: String]) -> Int {
    let (ordered, header) = layOut(tensors, metadata)
    let data = ordered.reduce(0) { $0 + $1.bytes.count }
    return MemoryLayout<UInt64>.size + header.utf8.count + data
  }

  /// The order of tensors in the file, and its header.
  private static func layOut(
    _ tensors: [SafetensorsTensor], _ metadata: [String: String]
  ) -> (ordered: [SafetensorsTensor], header: String) {
    // A stable order keeps the given one among scalars of equal width.
    let ordered = tensors.enumerated().sorted {
      ($1.element.type.size, $0.offset) < ($0.element.type.size, $1.offset)
    }.map(\.element)
    let total = ordered.reduce(0) { $0 + $1.bytes.count }
    let header = header(
      ordered, metadata: metadata,
      alignment: total < OutputFile.directBytes ? 8 : OutputFile.blockBytes)
    return (ordered, header)
  }

  /// Stretches of memory, those that follow each other joined.
  private static func joined(_ stretches: [UnsafeRawBufferPointer]) -> [UnsafeRawBufferPointer] {
    var result: [UnsafeRawBufferPointer] = []
    for stretch in stretches where !stretch.isEmpty {
      if let last = result.last, let start = last.baseAddress,
        start + last.count == stretch.baseAddress
      {
        result[result.count - 1] = .init(start: start, count: last.count + stretch.count)
      } else {
        result.append(stretch)
      }
    }
    return result
  }

  /// The JSON header, padded with spaces so that what follows it begins at a multiple of `alignment`.
  private static func header(
    _ tensors: [SafetensorsTensor], metadata: [String: String], alignment: Int
  ) -> String {
    var parts: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0)):\(quoted($1))" }
      parts.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var offset = 0
    for tensor in tensors {
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      let end = offset + tensor.bytes.count
      parts.append(
        "\(quoted(tensor.name)):{\"dtype\":\"\(tensor.type.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    let text = "{\(parts.joined(separator: ","))}"
    let end = MemoryLayout<UInt64>.size + text.utf8.count
    return text + String(repeating: " ", count: (alignment - end % alignment) % alignment)
  }

  /// A JSON string.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
