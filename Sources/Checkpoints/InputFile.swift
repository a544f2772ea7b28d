import Buffers
import CLinux
import Glibc

/// An open regular file that is read at offsets into memory of our own.
///
/// Reading instead of mapping: a file that shrinks under us is then an error, not a SIGBUS.
final class InputFile {
  /// Where it is.
  let path: String
  /// Its size when it was opened.
  let bytes: Int
  private let descriptor: Int32

  /// Opens a regular file; a FIFO or a device is refused without blocking.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - followsLinks: whether a symbolic link may stand for it. Else neither the file nor the folder it lies in may be
  ///     one, even if they are exchanged at this moment; the folders above are the user's, and may.
  /// - Throws: `CheckpointError` naming the path.
  init(_ path: String, followsLinks: Bool = true) throws {
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK
    let descriptor = uninterrupted {
      followsLinks ? open(path, flags) : Self.openBeneath(path, flags)
    }
    guard descriptor >= 0 else { throw Self.failure(errno, path) }
    var status = stat()
    guard uninterrupted({ fstat(descriptor, &status) }) == 0 else {
      let number = errno
      _ = close(descriptor)
      throw CheckpointError.system(number, "look at", path)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      _ = close(descriptor)
      throw CheckpointError(.damaged, "\(path) is not a regular file")
    }
    self.path = path
    self.descriptor = descriptor
    bytes = Int(status.st_size)
  }

  deinit { _ = close(descriptor) }

  /// Reads exactly `buffer.count` bytes at `offset`.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
    var done = 0
    while done < buffer.count, let base = buffer.baseAddress {
      let got = uninterrupted {
        pread(descriptor, base + done, buffer.count - done, off_t(offset + done))
      }
      guard got >= 0 else { throw CheckpointError.system(errno, "read", path) }
      guard got > 0 else {
        throw CheckpointError(
          .damaged, "\(path) ends at byte \(offset + done), before the data its header promises")
      }
      done += got
    }
  }

  /// The whole content, which may have at most `limit` bytes.
  func contents(limit: Int) throws -> [UInt8] {
    guard bytes <= limit else {
      throw CheckpointError(
        .damaged, "\(path) has \(bytes) bytes where at most \(limit) are expected")
    }
    var content = [UInt8](repeating: 0, count: bytes)
    try content.withUnsafeMutableBytes { try read(at: 0, into: $0) }
    return content
  }

  /// The SHA-256 of the whole content, in 1 MiB pieces.
  func sha256() throws -> String {
    var hash = SHA256()
    let piece = HostBuffer<UInt8>(count: 1 << 20)
    var offset = 0
    while offset < bytes {
      let count = min(piece.count, bytes - offset)
      let buffer = UnsafeMutableRawBufferPointer(start: piece.base, count: count)
      try read(at: offset, into: buffer)
      hash.update(UnsafeRawBufferPointer(buffer))
      offset += count
    }
    return hash.hexadecimal()
  }

  /// Opens FOLDER/FILE below the folder above, following no link; -1 with `errno` where that fails.
  private static func openBeneath(_ path: String, _ flags: Int32) -> Int32 {
    let folder = Folders.parent(of: path)
    let above = open(Folders.parent(of: folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard above >= 0 else { return -1 }
    defer { _ = close(above) }
    let names = path.split(separator: "/").suffix(2).joined(separator: "/")
    let descriptor = CLinux_open_beneath(above, names, flags)
    // Kernels before 5.6, and containers that forbid what they do not know.
    guard descriptor < 0, errno == ENOSYS || errno == EPERM else { return descriptor }
    guard (try? Folders.exists(folder)) == true else {
      errno = ELOOP
      return -1
    }
    return open(path, flags | O_NOFOLLOW)
  }

  /// The error of an open that failed.
  private static func failure(_ number: Int32, _ path: String) -> CheckpointError {
    switch number {
    case ENOENT, ENOTDIR: CheckpointError(.missing, "\(path) does not exist")
    case ELOOP, EXDEV:
      CheckpointError(
        .damaged, "\(path) is a symbolic link or lies behind one, which is not followed here")
    case ENXIO, ENODEV: CheckpointError(.damaged, "\(path) is not a regular file")
    default:
      CheckpointError(.inputOutput, "cannot open \(path): \(String(cString: strerror(number)))")
    }
  }
}
