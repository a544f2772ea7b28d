import Glibc

/// What the kernel says about a process.
package struct ProcessStatus: Equatable, Sendable {
  /// The state's letter: R running, S sleeping, D waiting for a device, T stopped, t traced, Z dead.
  package var letter: UInt8
  /// Start time in clock ticks since boot; tells a process from a later one with its number.
  package var birth: UInt64
  /// Processor time of all threads in clock ticks.
  package var processorTicks: UInt64
  /// The session it belongs to, which has the number of the process that began it.
  package var session: pid_t = 0

  /// A status from its parts.
  init(letter: UInt8, birth: UInt64, processorTicks: UInt64) {
    self.letter = letter
    self.birth = birth
    self.processorTicks = processorTicks
  }

  /// The status of process `pid`, or nil if there is none.
  ///
  /// - C source: `/proc/PID/stat`, fields 3, 14, 15 and 22.
  package init?(of pid: pid_t) {
    self.init(line: KernelFile.bytes("/proc/\(pid)/stat"))
  }

  /// The name of the program of a process, empty if there is none (`/proc/PID/comm`).
  static func name(of pid: pid_t) -> String {
    String(decoding: KernelFile.bytes("/proc/\(pid)/comm").filter { $0 != 0x0A }, as: UTF8.self)
  }

  /// A status from the line of `/proc/PID/stat`.
  package init?(line: [UInt8]) {
    // The name in parentheses may hold spaces and parentheses itself.
    guard let end = line.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = line[(end + 1)...].split(whereSeparator: { $0 == 0x20 || $0 == 0x0A })
    guard fields.count > 19, let letter = fields[0].first else { return nil }
    self.letter = letter
    session = pid_t(truncatingIfNeeded: KernelFile.number(fields[3]))
    processorTicks = KernelFile.number(fields[11]) + KernelFile.number(fields[12])
    birth = KernelFile.number(fields[19])
  }
}

/// Small files of the kernel, read without Foundation: a watchdog must work in a crippled process.
enum KernelFile {
  /// The first bytes of a file, at most 4 KiB; none if it cannot be read.
  static func bytes(_ path: String) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    return [UInt8](unsafeUninitializedCapacity: 4096) { room, count in
      count = max(0, read(descriptor, room.baseAddress, room.count))
    }
  }

  /// The decimal number at the beginning of some bytes.
  static func number(_ digits: some Sequence<UInt8>) -> UInt64 {
    var value: UInt64 = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x39 else { break }
      value = value &* 10 &+ UInt64(digit - 0x30)
    }
    return value
  }

  /// The number after a name in lines of `NAME NUMBER` or `NAME: NUMBER unit`.
  static func value(of name: String, in path: String) -> UInt64? {
    for line in bytes(path).split(separator: 0x0A) where line.starts(with: name.utf8) {
      let rest = line.dropFirst(name.utf8.count)
      // Another name may begin with this one.
      guard let next = rest.first, next == 0x3A || next == 0x20 || next == 0x09 else { continue }
      return number(rest.drop { $0 < 0x30 || $0 > 0x39 })
    }
    return nil
  }
}

/// What a process uses and what happened to its group of processes.
enum ProcessUse {
  /// Bytes of memory in use, or nil if the process is gone (`/proc/PID/status`, `VmRSS`).
  static func residentBytes(_ pid: pid_t) -> Int? {
    KernelFile.value(of: "VmRSS", in: "/proc/\(pid)/status").map { Int($0) << 10 }
  }

  /// Bytes moved from and to storage, or nil where the kernel does not tell (`/proc/PID/io`).
  static func storageBytes(_ pid: pid_t) -> UInt64? {
    let path = "/proc/\(pid)/io"
    guard let read = KernelFile.value(of: "read_bytes", in: path),
      let written = KernelFile.value(of: "write_bytes", in: path)
    else { return nil }
    return read + written
  }

  /// Processes of this control group that the kernel killed for want of memory, or nil where unknown.
  ///
  /// - C source: `oom_kill` of `memory.events` (version 2) or `memory.oom_control` (version 1).
  static func memoryKills() -> Int? {
    let lines = KernelFile.bytes("/proc/self/cgroup").split(separator: 0x0A)
    for line in lines.map({ String(decoding: $0, as: UTF8.self) }) {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let candidates: [String]
      if parts[1].isEmpty {
        candidates = ["/sys/fs/cgroup\(parts[2])/memory.events", "/sys/fs/cgroup/memory.events"]
      } else if parts[1].split(separator: ",").contains("memory") {
        candidates = [
          "/sys/fs/cgroup/memory\(parts[2])/memory.oom_control",
          "/sys/fs/cgroup/memory/memory.oom_control",
        ]
      } else {
        continue
      }
      for path in candidates {
        if let kills = KernelFile.value(of: "oom_kill", in: path) { return Int(kills) }
      }
    }
    return nil
  }
}
