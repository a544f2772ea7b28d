import Buffers
import CLinux
import Glibc

/// A new file, written once from start to end, hashed on the way, and synced before it counts.
///
/// What is large and lies well goes past the page cache: filling that costs a core three times as long
/// as hashing, and pushes out the pages that training reads.
package struct OutputFile: ~Copyable {
  /// Direct writes begin and end at multiples of this, in memory and in the file.
  static var blockBytes: Int { 4096 }
  /// From here on a direct write is worth its wait for the disk.
  static var directBytes: Int { 1 << 20 }

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

  /// Bytes that went past the page cache.
  package private(set) var directlyWritten = 0

  /// Appends bytes, however many calls that takes.
  ///
  /// - Parameter buffer: stays as it is until this returns; what begins at a multiple of 4096 bytes in
  ///   memory and in the file is written directly, where it is large and the file system can.
  /// - Throws: `CheckpointError` naming the path.
  package mutating func write(_ buffer: UnsafeRawBufferPointer) throws {
    var rest = try writeDirectly(buffer)
    hash.update(rest)
    bytes += rest.count
    while !rest.isEmpty {
      let written = uninterrupted { Glibc.write(descriptor, rest.baseAddress, rest.count) }
      guard written > 0 else { throw failure(written) }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  /// Writes whole blocks directly as long as that goes well.
  ///
  /// - Returns: what is left to write.
  private mutating func writeDirectly(
    _ buffer: UnsafeRawBufferPointer
  ) throws -> UnsafeRawBufferPointer {
    guard buffer.count >= Self.directBytes, bytes % Self.blockBytes == 0,
      UInt(bitPattern: buffer.baseAddress) % UInt(Self.blockBytes) == 0,
      CLinux_set_direct(descriptor, 1) == 0
    else { return buffer }
    defer { _ = CLinux_set_direct(descriptor, 0) }
    var rest = buffer
    while rest.count >= Self.blockBytes, bytes % Self.blockBytes == 0 {
      // Written and hashed in portions that a core's cache keeps.
      let count = min(rest.count, 4 * Self.directBytes) / Self.blockBytes * Self.blockBytes
      let written = uninterrupted { Glibc.write(descriptor, rest.baseAddress, count) }
      // The file system wants another alignment, or cannot after all.
      if written < 0, errno == EINVAL { break }
      guard written > 0 else { throw failure(written) }
      hash.update(UnsafeRawBufferPointer(rebasing: rest[..<written]))
      bytes += written
      directlyWritten += written
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
    return rest
  }

  /// What a write came to that wrote nothing; POSIX lets it return 0, which would never end.
  private func failure(_ written: Int) -> CheckpointError {
    CheckpointError.system(written < 0 ? errno : EIO, "write", path)
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
