import Buffers
import CZlib
import Glibc

/// A raw file read from front to back, unpacked on the way if it is gzip (known by its first bytes).
final class RawFile {
  /// The path as the recipe names it, for messages.
  let name: String
  private let stream: gzFile

  /// Opens a file for reading.
  ///
  /// - Parameters:
  ///   - name: the path in the recipe.
  ///   - root: the folder it is relative to.
  /// - Throws: ``PreparationError`` with `.missingSource`.
  init(_ name: String, root: String) throws {
    self.name = name
    let path = RawFile.path(name, root: root)
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw PreparationError(
        .missingSource,
        "the source file \(path) cannot be read: \(String(cString: strerror(errno))); "
          + "check --root and the recipe's path '\(name)'")
    }
    try RawFile.requirePlain(path)
    guard let stream = gzopen(path, "rb") else {
      throw PreparationError(
        .missingSource,
        "the source file \(path) cannot be opened: \(String(cString: strerror(errno)))")
    }
    gzbuffer(stream, 1 << 18)
    self.stream = stream
  }

  deinit { gzclose_r(stream) }

  /// Refuses folders, pipes and devices, which would be read without end.
  private static func requirePlain(_ path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw PreparationError(
        .missingSource, "the source \(path) is not a plain file; name a file in the recipe")
    }
  }

  /// The path of a source: itself if absolute, else under the root.
  static func path(_ name: String, root: String) -> String {
    name.hasPrefix("/") || root.isEmpty ? name : "\(root)/\(name)"
  }

  /// Reads up to `count` bytes.
  ///
  /// - Parameter count: the most that is wanted.
  /// - Returns: fewer bytes only where the file ends.
  /// - Throws: ``PreparationError`` with `.badData` for a damaged or cut-off gzip stream.
  func read(_ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      // Twice as much each time: room for what may come costs more than what comes from small files.
      let piece = min(count - bytes.count, max(1 << 16, bytes.count), 1 << 24)
      let found = try readPiece(piece, into: &bytes)
      if found < piece { break }
    }
    return bytes
  }

  private func readPiece(_ piece: Int, into bytes: inout [UInt8]) throws -> Int {
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: piece))
    let found = bytes.withUnsafeMutableBytes { buffer -> Int32 in
      guard let base = buffer.baseAddress else { return 0 }
      return gzread(stream, base + start, UInt32(piece))
    }
    var code: Int32 = Z_OK
    let text = gzerror(stream, &code).map { String(cString: $0) } ?? ""
    guard found >= 0, code == Z_OK || code == Z_STREAM_END else {
      let what =
        code == Z_BUF_ERROR
        ? "the gzip stream is cut off" : "the gzip stream is damaged (\(text))"
      throw PreparationError(.badData, "\(name): \(what); fetch the file again")
    }
    bytes.removeLast(piece - Int(found))
    return Int(found)
  }

  /// Reads everything that is left.
  func readAll() throws -> [UInt8] { try read(Int.max) }

  /// Reads to the end and counts the bytes.
  func countRest() throws -> Int { try skipRest(keeping: 0).count }

  /// Reads to the end.
  ///
  /// - Parameter length: how many of the last bytes are wanted.
  /// - Returns: the number of bytes, and the last `length` of them, or all where there are fewer.
  /// - Throws: ``PreparationError`` with `.badData` for a damaged or cut-off gzip stream.
  func skipRest(keeping length: Int) throws -> (count: Int, tail: [UInt8]) {
    var total = 0
    var tail: [UInt8] = []
    while true {
      let piece = try read(1 << 20)
      total += piece.count
      if length > 0 { tail = Array((tail + piece).suffix(length)) }
      if piece.isEmpty { return (total, tail) }
    }
  }

  /// Reads exactly `count` bytes, which must be all that is left.
  ///
  /// - Parameters:
  ///   - count: how many the header promises.
  ///   - header: bytes of the file read before.
  /// - Returns: `count` bytes.
  /// - Throws: ``PreparationError`` with `.badData`, naming expected and found size.
  func readRest(_ count: Int, header: Int) throws -> [UInt8] {
    let bytes = try read(count)
    let found = bytes.count < count ? bytes.count : count + (try countRest())
    guard found == count else {
      throw PreparationError(
        .badData,
        "\(name): expected \(header + count) bytes by its header, found \(header + found)"
          + " (unpacked); the file is \(found < count ? "cut off" : "too long"), fetch it again")
    }
    return bytes
  }

  /// The SHA-256 of a file as it lies on disk, not unpacked.
  ///
  /// - Parameters:
  ///   - name: the path in the recipe.
  ///   - root: the folder it is relative to.
  /// - Returns: 64 hexadecimal digits.
  /// - Throws: ``PreparationError`` with `.missingSource`.
  static func digest(_ name: String, root: String) throws -> String {
    let path = RawFile.path(name, root: root)
    // A pipe must not hold up the one who opens it.
    let handle = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard handle >= 0 else {
      throw PreparationError(
        .missingSource,
        "the source file \(path) cannot be read: \(String(cString: strerror(errno))); "
          + "check --root and the recipe's path '\(name)'")
    }
    defer { close(handle) }
    try requirePlain(path)
    let buffer = HostBuffer<UInt8>(count: 1 << 20)
    var hash = SHA256()
    while true {
      let found = Glibc.read(handle, buffer.base, buffer.count)
      if found < 0 && errno == EINTR { continue }
      guard found >= 0 else {
        throw PreparationError(
          .missingSource, "reading \(path) failed: \(String(cString: strerror(errno)))")
      }
      if found == 0 { return hash.hexadecimal() }
      hash.update(UnsafeRawBufferPointer(start: buffer.base, count: found))
    }
  }
}
