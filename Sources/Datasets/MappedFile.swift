import Glibc

/// A file's bytes, mapped for reading.
final class MappedFile: Sendable {
  let path: String
  /// The length when it was mapped.
  let byteCount: Int
  private let descriptor: Int32
  private nonisolated(unsafe) let base: UnsafeRawPointer

  init(_ path: String) throws(DatasetError) {
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
    // machines, is read for nobody where a file is larger than memory.
    _ = madvise(address, byteCount, Int32(MADV_RANDOM))
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
