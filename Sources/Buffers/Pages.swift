import CLinux
import Glibc

/// Memory of this process straight from the kernel: zeroed, and taken up page by page as it is written.
///
/// - C functions: `mmap`, `munmap`, `madvise`.
enum Pages {
  /// Bytes of a large page, and from which on it is worth asking for some.
  static let large = 2 << 20
  /// Bytes of a page of this kernel.
  static let small = sysconf(Int32(_SC_PAGESIZE))

  /// Maps `bytes`; nil where the kernel refuses, `errno` says why.
  static func map(_ bytes: Int) -> UnsafeMutableRawPointer? {
    let start = mmap(
      nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    return start == MAP_FAILED ? nil : start
  }

  /// The same, from a border of large pages on; `bytes` is a multiple of one.
  static func mapAligned(_ bytes: Int) -> UnsafeMutableRawPointer? {
    guard let start = map(bytes + large) else { return nil }
    let base = start.alignedUp(toMultipleOf: large)
    if base > start { munmap(start, base - start) }
    let end = start + bytes + large
    if end > base + bytes { munmap(base + bytes, end - (base + bytes)) }
    return base
  }

  /// `bytes` in whole large pages.
  static func roundedUp(_ bytes: Int) -> Int { (bytes + large - 1) / large * large }
}
