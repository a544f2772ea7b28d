import CLinux
import Glibc

/// What a process that looks at a stranger's file may use, set by that process before it opens the file.
public struct ProcessLimits: Sendable, Equatable {
  /// Address space that it may take on top of what it has.
  public let addressBytes: Int
  /// Seconds of CPU time.
  public let cpuSeconds: Int

  /// The limits for a file: memory for a few blocks, and time to read it at 1 MiB a second.
  ///
  /// - Parameter fileBytes: the file's length.
  public init(fileBytes: Int) {
    addressBytes = 512 << 20 + 3 * min(fileBytes, 1 << 30)
    cpuSeconds = 60 + fileBytes >> 20
  }

  /// How long somebody should wait for the process: disks may be slow.
  public var patienceSeconds: Int { 300 + 2 * cpuSeconds }

  /// Puts this process under the limits, for good.
  ///
  /// Apart from memory and time: it loses every descriptor but the standard streams, as sockets of MPI and files of a
  /// run that it was born with; it cannot write a byte to a file, leaves no core, and can have one file open at a time,
  /// so what that file asks to be opened besides itself cannot be.
  ///
  /// - Throws: ``TrainingError`` with `failure` where the kernel refuses.
  public func applyToThisProcess() throws {
    CLinux_close_from(3)
    let limits: [(String, rlim_t, __rlimit_resource)] = [
      ("address space", rlim_t(Self.usedAddressBytes + addressBytes), RLIMIT_AS),
      ("CPU time", rlim_t(cpuSeconds), RLIMIT_CPU), ("file size", 0, RLIMIT_FSIZE),
      ("core", 0, RLIMIT_CORE), ("open files", 4, RLIMIT_NOFILE),
    ]
    for (name, value, resource) in limits {
      // A limit that the site has set may be narrower, and cannot be raised.
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(resource.rawValue), &limit)
      limit.rlim_max = min(limit.rlim_max, value)
      limit.rlim_cur = limit.rlim_max
      guard setrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else {
        throw TrainingError(
          .failure,
          "the limit of \(name) cannot be set to \(value): \(String(cString: strerror(errno)))")
      }
    }
  }

  /// Address space that this process has taken.
  private static var usedAddressBytes: Int {
    var text = [UInt8](repeating: 0, count: 128)
    let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return 4 << 30 }
    defer { close(descriptor) }
    let count = read(descriptor, &text, text.count)
    let words = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
    return (words.first.flatMap { Int($0) } ?? 1 << 20) * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
