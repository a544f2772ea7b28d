import Glibc

/// A file's bytes, mapped for reading, or read to a place of the caller's.
final class MappedFile: Sendable {
  let path: String
  /// The length when it was mapped.
  let byteCount: Int
  private let descriptor: Int32
  private nonisolated(unsafe) let base: UnsafeRawPointer

  /// Maps a file.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - isLarge: whether what is read of it cannot stay in memory.
  init(_ path: String, isLarge: (Int) -> Bool) throws(DatasetError) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw DatasetError(
        .ioFailure, "\(path): cannot be opened: \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size > 0 else {
      close(descriptor)
      throw DatasetError(.damaged, "\(path): the file has no bytes")
    }
    byteCount = Int(status.st_size)
    guard let address = mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0),
      address != MAP_FAILED
    else {
      let reason = String(cString: strerror(errno))
      close(descriptor)
      throw DatasetError(.ioFailure, "\(path): cannot be mapped: \(reason)")
    }
    // What is wanted ahead is announced; what the kernel would guess around a touched page, megabytes on some
    // machines, is read for nobody where a file is larger than memory. All of this is advice, which may be refused.
    if isLarge(byteCount) { _ = madvise(address, byteCount, Int32(MADV_RANDOM)) }
    _ = posix_fadvise(descriptor, 0, 0, Int32(POSIX_FADV_RANDOM))
    base = UnsafeRawPointer(address)
  }

  deinit {
    munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
    close(descriptor)
  }

  /// The bytes from `offset`, which the caller has compared with ``byteCount``.
  func bytes(at offset: Int) -> UnsafeRawPointer { base + offset }

  /// Lets the kernel read some bytes, if it has not yet, and does not wait for them.
  func announce(_ bytes: Range<Int>) {
    let start = bytes.lowerBound / 4096 * 4096
    let place = UnsafeMutableRawPointer(mutating: base + start)
    // Advice only: what it does not bring comes page by page when it is touched.
    _ = madvise(place, min(bytes.upperBound, byteCount) - start, Int32(MADV_WILLNEED))
  }

  /// Reads bytes, which the caller has compared with ``byteCount``, and no more of the file than their pages.
  func read(_ bytes: Range<Int>, into destination: UnsafeMutableRawPointer) throws(DatasetError) {
    var place = bytes.lowerBound
    while place < bytes.upperBound {
      let output = destination + (place - bytes.lowerBound)
      let count = pread(descriptor, output, bytes.upperBound - place, place)
      if count > 0 {
        place += count
        continue
      }
      if count < 0, errno == EINTR { continue }
      let reason = count < 0 ? String(cString: strerror(errno)) : "the file ends there"
      try requireWhole()
      throw DatasetError(.ioFailure, "\(path): cannot be read at byte \(place): \(reason)")
    }
  }

  /// Throws if the file is shorter than it was: touching the lost bytes would kill the process.
  func requireWhole() throws(DatasetError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0, Int(status.st_size) >= byteCount else {
      throw DatasetError(
        .ioFailure,
        "\(path): was cut from \(byteCount) to \(status.st_size) bytes while being read; restore it"
      )
    }
  }
}
