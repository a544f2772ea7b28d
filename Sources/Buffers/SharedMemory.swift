import CLinux
import Glibc

/// Memory that several processes of one machine see at once.
///
/// One process makes it, the others open it through `/proc/PID/fd`; it has no name in any file
/// system, so nothing is left behind however the processes end, and the size of `/dev/shm` does not
/// matter. It is the descriptor that is passed on, so ranks must see each other's process numbers.
///
/// - C functions: `memfd_create`, `ftruncate`, `mmap`, `posix_fallocate`, `madvise`.
public final class SharedMemory {
  /// The first byte, at a page border; zero where nobody has written yet.
  public let base: UnsafeMutableRawPointer
  /// Bytes that may be used.
  public let byteCount: Int
  /// The descriptor by which others of this machine open it; -1 once closed.
  public private(set) var descriptor: Int32
  /// Bytes that the kernel mapped.
  private let mapped: Int
  private let isShared: Bool

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
    mapped = byteCount
    descriptor = made
    isShared = true
  }

  /// Makes zeroed memory that nobody else will open, for a rank that is alone on its machine.
  ///
  /// Most kernels give large pages to such memory only, not to what is shared; fewer addresses are looked up then.
  ///
  /// - Parameter byteCount: at least 1.
  /// - Throws: ``SharedMemoryError`` if the kernel refuses.
  public init(ofOneProcess byteCount: Int) throws(SharedMemoryError) {
    precondition(byteCount > 0, "memory cannot hold \(byteCount) bytes")
    mapped = Pages.roundedUp(byteCount)
    guard let start = Pages.mapAligned(mapped) else {
      throw SharedMemoryError("mmap of \(byteCount) bytes", errno)
    }
    base = start
    self.byteCount = byteCount
    descriptor = -1
    isShared = false
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
    mapped = byteCount
    self.descriptor = opened
    isShared = true
  }

  deinit {
    munmap(base, mapped)
    closeDescriptor()
  }

  /// Gives the descriptor back; the memory stays as long as somebody maps it.
  public func closeDescriptor() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  /// Takes the pages of parts now, near the core that asks, so that a lack of memory is an error here
  /// and not a dead process later.
  ///
  /// - Parameter parts: bytes within `0 ..< byteCount`, ascending; the pages they touch are taken whole.
  /// - Throws: ``SharedMemoryError`` if there is not enough memory.
  /// - Precondition: the descriptor of shared memory is open.
  public func claim(_ parts: [Range<Int>]) throws(SharedMemoryError) {
    for part in parts {
      precondition(part.lowerBound >= 0 && part.upperBound <= byteCount, "\(part) is outside")
    }
    let parts = parts.filter { !$0.isEmpty }
    // First all, as a large page may lie in two parts that meet.
    if !isShared { for part in parts { adviseLargePages(part) } }
    for part in parts {
      let problem = isShared ? allocate(part) : populate(part)
      guard problem == 0 else {
        throw SharedMemoryError("claiming \(part.count) bytes", problem)
      }
    }
  }

  /// Takes pages of shared memory; returns 0 or the number of what went wrong.
  private func allocate(_ part: Range<Int>) -> Int32 {
    var problem: Int32
    // A signal interrupts it, and it is not begun again by itself.
    repeat {
      problem = posix_fallocate(descriptor, part.lowerBound, part.count)
    } while problem == EINTR
    return problem
  }

  /// Takes pages of this process's own memory; returns 0 or the number of what went wrong.
  private func populate(_ part: Range<Int>) -> Int32 {
    let first = part.lowerBound / Pages.small * Pages.small
    while CLinux_populate(base + first, part.upperBound - first) != 0 {
      let problem = errno
      if problem == EINTR || problem == EAGAIN { continue }
      // Before Linux 5.14: they are taken with the first write.
      return problem == EINVAL ? 0 : problem
    }
    return 0
  }

  /// Asks for large pages where the memory of a part is; behind its end there is nobody who minds.
  private func adviseLargePages(_ part: Range<Int>) {
    let first = part.lowerBound / Pages.small * Pages.small
    let last = part.upperBound == byteCount ? mapped : part.upperBound
    guard last - first >= Pages.large else { return }
    _ = CLinux_advise_huge_pages(base + first, last - first)
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
