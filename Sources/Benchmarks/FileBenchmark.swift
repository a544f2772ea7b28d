import Buffers
import CLinux
import Glibc

/// What one rank reads of a file; ranks call it at the same time.
public enum FileBenchmark {
  /// Bytes of a read.
  private static let portion = 4 << 20

  /// Bytes per second from the page cache, the best of several passes over the file's first bytes.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - seconds: about how long it takes.
  /// - Returns: the rate, nil where the file cannot be read.
  public static func pageCacheRate(_ path: String, seconds: Double) -> Double? {
    rate(path, direct: false, seconds: seconds, most: 64 << 20)
  }

  /// Bytes per second past the page cache, from the file's first byte on.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - seconds: about how long it takes at most.
  /// - Returns: the rate, nil where the file system reads nothing directly (O_DIRECT).
  public static func diskRate(_ path: String, seconds: Double) -> Double? {
    rate(path, direct: true, seconds: seconds, most: .max)
  }

  /// Gives the pages of a file back to the kernel, as far as nobody has mapped them.
  ///
  /// - Parameter path: the file.
  public static func dropPages(_ path: String) {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    // What is not on the disk yet stays.
    fsync(file)
    posix_fadvise(file, 0, 0, Int32(POSIX_FADV_DONTNEED))
    close(file)
  }

  private static func rate(_ path: String, direct: Bool, seconds: Double, most: Int) -> Double? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0, !direct || CLinux_set_direct(file, 1) == 0 else {
      if file >= 0 { close(file) }
      return nil
    }
    defer { close(file) }
    // Memory of this size begins at a page border, as direct reads want it.
    let buffer = HostBuffer<UInt8>(count: 4 * portion)
    let end = steadySeconds() + seconds
    var best: Double?
    repeat {
      let start = steadySeconds()
      var offset = 0
      while offset < most, offset == 0 || !direct || steadySeconds() < end {
        let count = pread(file, buffer.base, portion, offset)
        guard count > 0 else { break }
        offset += count
      }
      guard offset > 0 else { return best }
      best = max(best ?? 0, Double(offset) / (steadySeconds() - start))
    } while steadySeconds() < end
    return best
  }
}
