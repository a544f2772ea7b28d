import Foundation

/// The memory of this node.
public struct MemoryFacts: Sendable, Equatable {
  /// All of it, in bytes.
  public var totalBytes: Int
  /// What can be had without swapping, in bytes.
  public var availableBytes: Int

  /// Reads the kernel's account; zeros where it does not tell.
  ///
  /// - Parameters:
  ///   - limit: the control group's limit in bytes; nil without one.
  ///   - root: the folder that holds `proc`; tests bring their own.
  public init(limit: Int?, root: String = "") {
    let text = (try? String(contentsOfFile: root + "/proc/meminfo", encoding: .utf8)) ?? ""
    func bytes(_ name: String) -> Int {
      let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
      let words = line?.split(separator: " ") ?? []
      return words.count > 1 ? (Int(words[1]) ?? 0) << 10 : 0
    }
    totalBytes = min(bytes("MemTotal"), limit ?? .max)
    availableBytes = min(bytes("MemAvailable"), limit ?? .max)
  }
}
