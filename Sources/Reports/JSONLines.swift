import Glibc

/// A file of one JSON object per line that only grows, by whole lines.
///
/// A line is one `write` on a descriptor opened with `O_APPEND`. What a killed process left of its
/// last line, and lines after a resumed checkpoint, are cut off by ``truncate(to:)`` with the
/// offset that the checkpoint recorded, so no step appears twice. While the disk is full, lines wait
/// in memory for space.
public final class JSONLines {
  /// The file's path.
  public let path: String
  private let descriptor: Int32
  /// The size of the file in bytes with all lines, those that wait included.
  public private(set) var offset: Int
  /// The end of what was appended, for which there was no space.
  private var waiting: ArraySlice<UInt8> = []
  /// The most that may wait, in bytes: some hundred thousand lines.
  private let patience: Int
  private let put: Put

  /// How bytes are written: what `write` takes and returns.
  package typealias Put = (Int32, UnsafeRawPointer?, Int) -> Int

  /// Opens or creates the file and goes to its end.
  ///
  /// An incomplete last line, left by a killed process, is removed.
  ///
  /// - Parameter path: the file; its folder must exist.
  /// - Throws: ``ReportError`` with `.system`.
  public convenience init(path: String) throws(ReportError) {
    try self.init(path: path, patience: 32 << 20) { write($0, $1, $2) }
  }

  /// A file of which tests say how much may wait for space, and how it is written.
  package init(path: String, patience: Int, put: @escaping Put) throws(ReportError) {
    (self.path, self.patience, self.put) = (path, patience, put)
    descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    offset = 0
    guard descriptor >= 0 else { throw ReportError.system("open", path) }
    offset = try endOfLastLine()
    try cut()
  }

  deinit { close(descriptor) }

  /// Whether lines wait for space on the disk.
  public var isBehind: Bool { !waiting.isEmpty }

  /// Appends one line, after those that wait.
  ///
  /// - Parameter value: the object; it is written without a line break inside.
  /// - Returns: the offset after the line, which a checkpoint records.
  /// - Throws: ``ReportError`` with `.system`, but not for a full disk before the limit is reached; the
  ///   file then ends with a line before.
  @discardableResult
  public func append(_ value: JSONValue) throws(ReportError) -> Int {
    let line = Array((JSONText.line(value) + "\n").utf8)
    waiting += line
    offset += line.count
    do {
      try flush()
    } catch {
      guard error.isFull, waiting.count <= patience else {
        (offset, waiting) = (offset - waiting.count, [])
        offset = (try? endOfLastLine()) ?? offset
        try? cut()
        throw error
      }
    }
    return offset
  }

  /// Writes what waits; what fits of it stays.
  private func flush() throws(ReportError) {
    while !waiting.isEmpty {
      let count = waiting.withUnsafeBytes { put(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw ReportError.system("write", path) }
      waiting = waiting.dropFirst(count)
    }
    waiting = []
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
    let written = self.offset - waiting.count
    waiting = waiting.prefix(max(0, offset - written))
    self.offset = offset
    try cut()
  }

  /// Brings all lines to the disk; also from another thread, while this one appends.
  ///
  /// - Parameter end: how far the file must reach then: an offset that ``append(_:)`` returned; by default
  ///   no further than it does.
  /// - Throws: ``ReportError`` with `.system`; ``ReportError/isFull`` where lines up to there still wait.
  public func synchronize(through end: Int = 0) throws(ReportError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw ReportError.system("fstat", path) }
    guard Int(status.st_size) >= end else { throw ReportError.system("write", path, ENOSPC) }
    guard fsync(descriptor) == 0 else { throw ReportError.system("fsync", path) }
  }

  private func cut() throws(ReportError) {
    guard ftruncate(descriptor, off_t(offset - waiting.count)) == 0 else {
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
