import CLinux
import Glibc
import Synchronization

/// A file's bytes, mapped for reading, or read to a place of the caller's.
final class MappedFile: Sendable {
  let path: String
  /// The length when it was mapped.
  let byteCount: Int
  /// Whether what was read cannot be counted on to stay in memory.
  let isTight: Bool
  private let descriptor: Int32
  /// Whether reads go past the page cache, which could keep nothing until it is needed again.
  private let readsDirectly: Atomic<Bool>
  private nonisolated(unsafe) let base: UnsafeRawPointer

  /// Maps a file.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - memory: what the input may take.
  /// - Throws: ``DatasetError`` `.ioFailure`, or `.damaged` for a file without bytes.
  init(_ path: String, _ memory: InputMemory) throws(DatasetError) {
    (self.path, isTight) = (path, memory.isTight)
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
    if isTight { _ = madvise(address, byteCount, Int32(MADV_RANDOM)) }
    _ = posix_fadvise(descriptor, 0, 0, Int32(POSIX_FADV_RANDOM))
    base = UnsafeRawPointer(address)
    // What is mapped is mapped as before.
    readsDirectly = Atomic(memory.isExceeded && CLinux_set_direct(descriptor, 1) == 0)
  }

  deinit {
    munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
    close(descriptor)
  }

  /// The bytes from `offset`, which the caller has compared with ``byteCount``.
  func bytes(at offset: Int) -> UnsafeRawPointer { base + offset }

  /// Lets the kernel map some bytes without delay, if it has them not yet, and does not wait for them.
  func announce(_ bytes: Range<Int>) {
    let start = bytes.lowerBound / 4096 * 4096
    let place = UnsafeMutableRawPointer(mutating: base + start)
    // Advice only: what it does not bring comes page by page when it is touched.
    _ = madvise(place, min(bytes.upperBound, byteCount) - start, Int32(MADV_WILLNEED))
  }

  /// Lets the kernel read some bytes that ``read(_:into:)`` will be asked for.
  func expect(_ bytes: Range<Int>) {
    if !readsDirectly.load(ordering: .relaxed) { announce(bytes) }
  }

  /// Reads bytes, which the caller has compared with ``byteCount``, and no more of the file than their pages.
  func read(_ bytes: Range<Int>, into destination: UnsafeMutableRawPointer) throws(DatasetError) {
    if readsDirectly.load(ordering: .relaxed) {
      if readDirectly(bytes, into: destination) { return }
      // Not every file system can, and not from every place.
      readsDirectly.store(false, ordering: .relaxed)
      _ = CLinux_set_direct(descriptor, 0)
    }
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
      if count == 0 { try requireWhole() }
      throw DatasetError(.ioFailure, "\(path): cannot be read at byte \(place): \(reason)")
    }
  }

  /// Reads whole pages past the page cache, and copies what is wanted of them.
  ///
  /// - Returns: false where that does not work.
  private func readDirectly(
    _ bytes: Range<Int>, into destination: UnsafeMutableRawPointer
  ) -> Bool {
    let room = DecoderRooms.reading.take()
    defer { DecoderRooms.reading.give(room) }
    let start = bytes.lowerBound / 4096 * 4096
    let wanted = (bytes.upperBound - start + 4095) / 4096 * 4096
    let pages = room.bytes(0, wanted)
    var count = 0
    while start + count < bytes.upperBound {
      let more = pread(descriptor, pages + count, wanted - count, start + count)
      if more < 0, errno == EINTR { continue }
      guard more > 0, more % 4096 == 0 || start + count + more >= bytes.upperBound else {
        return false
      }
      count += more
    }
    destination.copyMemory(from: pages + (bytes.lowerBound - start), byteCount: bytes.count)
    return true
  }

  /// Throws if the file is shorter than it was: touching the lost bytes would kill the process.
  func requireWhole() throws(DatasetError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw DatasetError(
        .ioFailure, "\(path): cannot be examined: \(String(cString: strerror(errno)))")
    }
    guard Int(status.st_size) >= byteCount else {
      throw DatasetError(
        .ioFailure,
        "\(path): was cut from \(byteCount) to \(status.st_size) bytes while being read; restore it"
      )
    }
  }
}
