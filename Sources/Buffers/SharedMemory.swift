import CLinux
import Glibc

/// Memory that several processes of one machine see at once.
///
/// One process makes it, the others open it through `/proc/PID/fd`; it has no name in any file
/// system, so nothing is left behind however the processes end, and the size of `/dev/shm` does not
/// matter. It is the descriptor that is passed on, so ranks must see each other's process numbers.
///
/// - C functions: `memfd_create`, `ftruncate`, `mmap`, `posix_fallocate`.
public final class SharedMemory {
  /// The first byte, at a page border; zero where nobody has written yet.
  public let base: UnsafeMutableRawPointer
  /// Bytes that may be used.
  public let byteCount: Int
  /// The descriptor by which others of this machine open it; -1 once closed.
  public private(set) var descriptor: Int32

  /// Makes zeroed memory; pages are taken when ``claim(_:)`` or a first write asks for them.
  ///
  /// - Parameters:
  ///   - byteCount: at least 1.
  ///   - name: shown in `/proc/PID/maps`, for people.
  /// - Throws: ``SharedMemoryError`` if the kernel refuses.
  public init(byteCount: Int, name: String) throws(SharedMemoryError) {
    precondition(byteCount > 0, "shared memory cannot hold \(byteCount) bytes")
    let made = CLinux_memfd_create(name)
    guard made >= 0 else { throw SharedMemoryError("memfd_create", errno) }
    guard ftruncate(made, byteCount) == 0 else {
      let problem = errno
      close(made)
      throw SharedMemoryError("ftruncate to \(byteCount) bytes", problem)
    }
    base = try Self.map(made, byteCount)
    self.byteCount = byteCount
    descriptor = made
  }

  /// Opens memory that another process of this machine made.
  ///
  /// - Parameters:
  ///   - descriptor: its descriptor there, not yet closed.
  ///   - process: its process number.
  ///   - byteCount: as given when it was made.
  /// - Throws: ``SharedMemoryError`` if it cannot be seen from here, as between containers.
  public init(
    opening descriptor: Int32, of process: Int32, byteCount: Int
  ) throws(SharedMemoryError) {
    let path = "/proc/\(process)/fd/\(descriptor)"
    let opened = open(path, O_RDWR | O_CLOEXEC)
    guard opened >= 0 else { throw SharedMemoryError("open \(path)", errno) }
    var status = stat()
    // In another container the same number may be another process.
    guard fstat(opened, &status) == 0, Int(status.st_size) == byteCount else {
      close(opened)
      throw SharedMemoryError("\(path) is not the memory that was announced", ENOENT)
    }
    base = try Self.map(opened, byteCount)
    self.byteCount = byteCount
    self.descriptor = opened
  }

  deinit {
    munmap(base, byteCount)
    closeDescriptor()
  }

  /// Gives the descriptor back; the memory stays as long as somebody maps it.
  public func closeDescriptor() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  /// Takes the pages of a part now, near the core that asks, so that a lack of memory is an error here
  /// and not a dead process later.
  ///
  /// - Parameter part: bytes within `0 ..< byteCount`; the pages they touch are taken whole.
  /// - Throws: ``SharedMemoryError`` if there is not enough memory.
  /// - Precondition: the descriptor is open.
  public func claim(_ part: Range<Int>) throws(SharedMemoryError) {
    precondition(part.lowerBound >= 0 && part.upperBound <= byteCount, "\(part) is outside")
    guard !part.isEmpty else { return }
    var problem: Int32
    // A signal interrupts it, and it is not begun again by itself.
    repeat {
      problem = posix_fallocate(descriptor, part.lowerBound, part.count)
    } while problem == EINTR
    guard problem == 0 else {
      throw SharedMemoryError("posix_fallocate of \(part.count) bytes", problem)
    }
  }

  private static func map(
    _ descriptor: Int32, _ byteCount: Int
  ) throws(SharedMemoryError) -> UnsafeMutableRawPointer {
    let mapped = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let mapped, mapped != MAP_FAILED else {
      let problem = errno
      close(descriptor)
      throw SharedMemoryError("mmap of \(byteCount) bytes", problem)
    }
    // Advice only: where the kernel gives shared memory no large pages this does nothing.
    _ = CLinux_advise_huge_pages(mapped, byteCount)
    return mapped
  }
}

/// Why memory cannot be shared.
public struct SharedMemoryError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was tried.
  public let call: String
  /// The system's number of the failure (`errno`).
  public let code: Int32

  /// A failure of `call` with `code`.
  public init(_ call: String, _ code: Int32) {
    self.call = call
    self.code = code
  }

  /// What was tried, and the system's words.
  public var description: String {
    "memory cannot be shared: \(call): \(String(cString: strerror(code)))"
  }
}
