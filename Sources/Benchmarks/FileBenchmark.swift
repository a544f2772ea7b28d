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

  /// Reads a file once from end to end past the page cache.
  ///
  /// - Parameter path: the file.
  /// - Returns: bytes per second, nil where the file system reads nothing directly.
  static func wholeRate(_ path: String) -> Double? {
    rate(path, direct: true, seconds: 0, most: .max, isWhole: true)
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

  /// Writes a new file, past the page cache where the file system can, and syncs it.
  ///
  /// - Parameters:
  ///   - path: the file, which must not exist.
  ///   - bytes: its content, beginning at a page border.
  /// - Returns: seconds of writing and of syncing, nil where either fails.
  public static func write(
    _ path: String, _ bytes: UnsafeRawBufferPointer
  ) -> (write: Double, sync: Double)? {
    let start = steadySeconds()
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard file >= 0 else { return nil }
    defer { close(file) }
    // Whole pages first; the rest by way of the page cache.
    let whole = bytes.count / 4096 * 4096
    let isAligned = UInt(bitPattern: bytes.baseAddress) % 4096 == 0
    var isDirect = isAligned && whole > 0 && CLinux_set_direct(file, 1) == 0
    var done = 0
    while done < bytes.count {
      if done >= whole, isDirect {
        isDirect = false
        guard CLinux_set_direct(file, 0) == 0 else { return nil }
      }
      let end = isDirect ? whole : bytes.count
      let count = Glibc.write(file, bytes.baseAddress.map { $0 + done }, min(portion, end - done))
      guard count > 0 else { return nil }
      done += count
    }
    let written = steadySeconds()
    guard fsync(file) == 0 else { return nil }
    return (written - start, steadySeconds() - written)
  }

  private static func rate(
    _ path: String, direct: Bool, seconds: Double, most: Int, isWhole: Bool = false
  ) -> Double? {
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
      while offset < most, isWhole || offset == 0 || !direct || steadySeconds() < end {
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
