import Glibc

/// One file of a collection.
struct MediaFile {
  /// Its path below the collection's place, for messages, labels and order.
  let path: String
  /// Where its bytes are.
  let content: Content

  /// Where bytes are.
  enum Content {
    /// On disk, under this path.
    case disk(String)
    /// In memory: a member of an archive.
    case memory([UInt8])
    /// Nowhere: it is refused for this reason.
    case refused(String)
  }

  /// The most bytes of one file.
  static let mostBytes = 1 << 30

  /// Reads the file whole.
  ///
  /// - Throws: ``BadFile`` for what cannot be read, is no plain file, or is too long.
  func bytes() throws(BadFile) -> [UInt8] {
    switch content {
    case .memory(let bytes): return bytes
    case .refused(let reason): throw BadFile(reason)
    case .disk(let path): return try MediaFile.read(path)
    }
  }

  private static func read(_ path: String) throws(BadFile) -> [UInt8] {
    // A pipe must not hold up the one who opens it.
    let handle = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard handle >= 0 else { throw BadFile(String(cString: strerror(errno))) }
    defer { close(handle) }
    var status = stat()
    guard fstat(handle, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw BadFile("it is not a plain file")
    }
    let size = Int(status.st_size)
    guard size <= mostBytes else {
      throw BadFile("it has \(size) bytes; at most \(mostBytes) are read")
    }
    var bytes = [UInt8](repeating: 0, count: size)
    var done = 0
    while done < size {
      let found = bytes.withUnsafeMutableBytes { buffer in
        buffer.baseAddress.map { Glibc.read(handle, $0 + done, size - done) } ?? 0
      }
      if found < 0 && errno == EINTR { continue }
      guard found >= 0 else { throw BadFile(String(cString: strerror(errno))) }
      if found == 0 { break }
      done += found
    }
    bytes.removeLast(size - done)
    return bytes
  }
}

extension String {
  /// The order of paths: that of their bytes, which is the same everywhere.
  func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
