import Glibc

/// A file of one JSON object per line that only grows, by whole lines.
///
/// A line is one `write` on a descriptor opened with `O_APPEND`. What a killed process left of its
/// last line, and lines after a resumed checkpoint, are cut off by ``truncate(to:)`` with the
/// offset that the checkpoint recorded, so no step appears twice.
public final class JSONLines {
  /// The file's path.
  public let path: String
  private let descriptor: Int32
  /// The size of the file in bytes, after the last whole line written.
  public private(set) var offset: Int

  /// Opens or creates the file and goes to its end.
  ///
  /// An incomplete last line, left by a killed process, is removed.
  ///
  /// - Parameter path: the file; its folder must exist.
  /// - Throws: ``ReportError`` with `.system`.
  public init(path: String) throws(ReportError) {
    self.path = path
    descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    offset = 0
    guard descriptor >= 0 else { throw ReportError.system("open", path) }
    offset = try endOfLastLine()
    try cut()
  }

  deinit { close(descriptor) }

  /// Appends one line.
  ///
  /// - Parameter value: the object; it is written without a line break inside.
  /// - Returns: the offset after the line, which a checkpoint records.
  /// - Throws: ``ReportError`` with `.system`, for example when the disk is full; the file then
  ///   ends with the line before.
  @discardableResult
  public func append(_ value: JSONValue) throws(ReportError) -> Int {
    let line = Array((JSONText.line(value) + "\n").utf8)
    var written = 0
    while written < line.count {
      let count = line[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        let number = errno
        try? cut()
        throw ReportError.system("write", path, number)
      }
      written += count
    }
    offset += line.count
    return offset
  }

  /// Forgets everything after `offset`.
  ///
  /// - Parameter offset: a value that ``append(_:)`` returned.
  /// - Throws: ``ReportError`` with `.truncated` if the file is shorter than that.
  public func truncate(to offset: Int) throws(ReportError) {
    guard offset >= 0, offset <= self.offset else {
      throw ReportError(
        code: .truncated,
        message: "\(path): expected at least \(offset) bytes as the checkpoint recorded, found "
          + "\(self.offset); the file was cut by something else")
    }
    self.offset = offset
    try cut()
  }

  /// Brings all lines to the disk.
  ///
  /// - Throws: ``ReportError`` with `.system`.
  public func synchronize() throws(ReportError) {
    guard fsync(descriptor) == 0 else { throw ReportError.system("fsync", path) }
  }

  private func cut() throws(ReportError) {
    guard ftruncate(descriptor, off_t(offset)) == 0 else {
      throw ReportError.system("ftruncate", path)
    }
  }

  /// The offset after the last line break.
  private func endOfLastLine() throws(ReportError) -> Int {
    var end = Int(lseek(descriptor, 0, SEEK_END))
    guard end >= 0 else { throw ReportError.system("lseek", path) }
    var block = [UInt8](repeating: 0, count: 65_536)
    while end > 0 {
      let start = max(0, end - block.count)
      let count = pread(descriptor, &block, end - start, off_t(start))
      guard count == end - start else { throw ReportError.system("pread", path) }
      if let last = block[..<count].lastIndex(of: 10) { return start + last + 1 }
      end = start
    }
    return 0
  }
}
