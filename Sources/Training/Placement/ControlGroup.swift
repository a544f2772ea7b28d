import Foundation

/// What the control group of this process grants it, of either version.
///
/// A limit may stand at any level above the process, so all levels are read and the least counts.
/// Inside a container the path that the kernel tells may not exist below the mount; its levels are
/// then passed over until the container's own.
public struct ControlGroup: Sendable, Equatable {
  /// The processor time per second, in cores; nil without a limit (`cpu.max`, `cpu.cfs_quota_us`).
  public var cores: Double?
  /// The processors that jobs here may use; nil where it does not say (`cpuset.cpus.effective`).
  public var cpus: CPUSet?
  /// The most memory, in bytes; nil without a limit (`memory.max`, `memory.limit_in_bytes`).
  public var memoryBytes: Int?

  /// A group that grants this.
  public init(cores: Double? = nil, cpus: CPUSet? = nil, memoryBytes: Int? = nil) {
    self.cores = cores
    self.cpus = cpus
    self.memoryBytes = memoryBytes
  }

  /// Reads the group of this process; what cannot be read is no limit.
  ///
  /// - Parameter root: the folder that holds `proc` and `sys`; tests bring their own.
  /// - Returns: the least limits of all levels.
  public static func ofThisProcess(root: String = "") -> ControlGroup {
    let mounts = Mount.all(root: root)
    var group = ControlGroup()
    let lines = (text(root + "/proc/self/cgroup") ?? "").split(separator: "\n")
    for line in lines {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let controllers = parts[1].split(separator: ",").map(String.init)
      for mount in mounts where mount.serves(controllers) {
        let levels = levels(root + mount.point, path: mount.relative(String(parts[2])))
        for level in levels { group.narrow(level, isVersion2: controllers.isEmpty) }
      }
    }
    return group
  }

  /// Takes in the limits of one level; levels come from the innermost outwards.
  private mutating func narrow(_ folder: String, isVersion2: Bool) {
    let words = Self.text("\(folder)/cpu.max")?.split(whereSeparator: \.isWhitespace) ?? []
    var quota = words.count == 2 ? Double(words[0]) : nil
    var period = words.count == 2 ? Double(words[1]) : nil
    if !isVersion2 {
      quota = Self.number("\(folder)/cpu.cfs_quota_us")
      period = Self.number("\(folder)/cpu.cfs_period_us")
    }
    if let quota, let period, quota > 0, period > 0 {
      cores = min(cores ?? .infinity, quota / period)
    }
    let set =
      isVersion2
      ? Self.text("\(folder)/cpuset.cpus.effective")
      : Self.text("\(folder)/cpuset.effective_cpus") ?? Self.text("\(folder)/cpuset.cpus")
    if cpus == nil, let set = set.flatMap(CPUSet.init(list:)), set.count > 0 { cpus = set }
    let memory = Self.number("\(folder)/\(isVersion2 ? "memory.max" : "memory.limit_in_bytes")")
    // Version 1 writes "no limit" as a number near the largest one.
    if let memory, memory > 0, memory < 1e18 {
      memoryBytes = min(memoryBytes ?? .max, Int(memory))
    }
  }

  /// The folders of a group and of those above it, innermost first.
  private static func levels(_ mount: String, path: String) -> [String] {
    var parts = path.split(separator: "/").map(String.init)
    if parts.contains("..") { parts = [] }
    return (0...parts.count).reversed().map { ([mount] + parts[..<$0]).joined(separator: "/") }
  }

  private static func text(_ path: String) -> String? {
    (try? String(contentsOfFile: path, encoding: .utf8))?
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private static func number(_ path: String) -> Double? { text(path).flatMap { Double($0) } }

  /// Where one hierarchy of groups is mounted.
  private struct Mount {
    let point: String
    /// The group that the mount shows as its root.
    let top: String
    /// The controllers of a version 1 hierarchy; empty for version 2.
    let controllers: [String]

    static func all(root: String) -> [Mount] {
      let lines = (text(root + "/proc/self/mountinfo") ?? "").split(separator: "\n")
      return lines.compactMap { line in
        // Fields before the dash are of varying number: `ID PARENT DEV ROOT POINT OPTIONS [...] - TYPE SOURCE OPTIONS`.
        let halves = line.components(separatedBy: " - ")
        let before = halves[0].split(separator: " ").map(String.init)
        let after = halves.last?.split(separator: " ").map(String.init) ?? []
        guard halves.count == 2, before.count >= 5, let type = after.first else { return nil }
        guard type == "cgroup2" || type == "cgroup" && after.count >= 3 else { return nil }
        let names = type == "cgroup2" ? [] : after[2].split(separator: ",").map(String.init)
        return Mount(point: before[4], top: before[3], controllers: names)
      }
    }

    func serves(_ wanted: [String]) -> Bool {
      wanted.isEmpty ? controllers.isEmpty : wanted.contains(where: controllers.contains)
    }

    func relative(_ path: String) -> String {
      top != "/" && path.hasPrefix(top) ? String(path.dropFirst(top.count)) : path
    }
  }
}
