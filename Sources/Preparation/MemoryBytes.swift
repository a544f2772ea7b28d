/// Bytes read from front to back: of a file, or of a part of an archive.
protocol ByteSource {
  /// What it is called in messages.
  var name: String { get }
  /// Reads up to `count` bytes; fewer only at the end.
  func read(_ count: Int) throws -> [UInt8]
  /// Reads exactly `count` bytes, which must be all that is left.
  ///
  /// - Throws: ``PreparationError`` with `.badData`, naming expected and found size.
  func readRest(_ count: Int, header: Int) throws -> [UInt8]
}

extension RawFile: ByteSource {}

/// Bytes in memory.
final class MemoryBytes: ByteSource {
  let name: String
  private let bytes: [UInt8]
  private var position = 0

  /// A source at the beginning of `bytes`.
  init(_ bytes: [UInt8], name: String) {
    self.bytes = bytes
    self.name = name
  }

  func read(_ count: Int) -> [UInt8] {
    let end = position + min(count, bytes.count - position)
    defer { position = end }
    return Array(bytes[position..<end])
  }

  func readRest(_ count: Int, header: Int) throws -> [UInt8] {
    guard bytes.count - position == count else {
      throw PreparationError(
        .badData,
        "\(name): expected \(header + count) bytes by its header, found "
          + "\(header + bytes.count - position); fetch or write the file again")
    }
    return read(count)
  }
}
