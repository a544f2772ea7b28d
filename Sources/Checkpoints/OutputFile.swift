import Buffers
import Glibc

/// A new file, written once from start to end, hashed on the way, and synced before it counts.
package struct OutputFile: ~Copyable {
  private let descriptor: Int32
  private let path: String
  private var hash = SHA256()
  private var bytes = 0

  /// Creates `path`, which must not exist yet.
  ///
  /// - Parameter path: the file; its folder exists.
  /// - Throws: `CheckpointError` naming the path.
  package init(creating path: String) throws {
    descriptor = uninterrupted {
      open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o644)
    }
    self.path = path
    guard descriptor >= 0 else { throw CheckpointError.system(errno, "create", path) }
  }

  /// Writes to what is already open; how tests meet a full disk.
  package init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  /// Appends bytes, however many calls that takes.
  package mutating func write(_ buffer: UnsafeRawBufferPointer) throws {
    var offset = 0
    while offset < buffer.count, let base = buffer.baseAddress {
      let written = uninterrupted {
        Glibc.write(descriptor, base + offset, buffer.count - offset)
      }
      guard written >= 0 else { throw CheckpointError.system(errno, "write", path) }
      offset += written
    }
    hash.update(buffer)
    bytes += buffer.count
  }

  /// Appends the UTF-8 form of `text`.
  package mutating func write(_ text: String) throws {
    let utf8 = Array(text.utf8)
    try utf8.withUnsafeBytes { try write($0) }
  }

  /// Syncs and closes; both are checked, since either may be the first to report a lost write.
  ///
  /// - Returns: the file's size and SHA-256.
  /// - Throws: `CheckpointError`; a failed sync is final, since a second one may wrongly succeed.
  package consuming func finish() throws -> (bytes: Int, sha256: String) {
    let synced = uninterrupted { fsync(descriptor) } == 0 ? 0 : errno
    // An interrupted close has closed, and what was written is safe by then.
    let closed = close(descriptor) == 0 || errno == EINTR ? 0 : errno
    let path = path
    let bytes = bytes
    let digest = hash.hexadecimal()
    guard synced == 0 else { throw CheckpointError.system(synced, "sync", path) }
    guard closed == 0 else { throw CheckpointError.system(closed, "close", path) }
    return (bytes, digest)
  }

  /// Closes without syncing, after a failure.
  package consuming func abandon() {
    _ = close(descriptor)
  }

  /// Creates, fills and finishes a file; a failure closes it and leaves it to its folder's cleaner.
  ///
  /// - Parameters:
  ///   - path: the new file.
  ///   - fill: writes the content.
  /// - Returns: the file's size and SHA-256.
  /// - Throws: `CheckpointError`, or what `fill` threw.
  static func create(
    _ path: String, fill: (inout OutputFile) throws -> Void
  ) throws -> (bytes: Int, sha256: String) {
    var file = try OutputFile(creating: path)
    do {
      try fill(&file)
    } catch {
      file.abandon()
      throw error
    }
    return try file.finish()
  }
}
