import Foundation
import Glibc

/// Logical processors of one machine, by the kernel's numbers.
public struct CPUSet: Sendable, Equatable, CustomStringConvertible {
  /// The numbers, each once, in ascending order.
  public let numbers: [Int]

  /// A set of these numbers, in any order.
  public init(_ numbers: some Sequence<Int>) { self.numbers = Set(numbers).sorted() }

  /// Reads the kernel's list format, for example `0-3,8`; nil where the text is none.
  public init?(list: String) {
    var numbers: [Int] = []
    let text = list.trimmingCharacters(in: .whitespacesAndNewlines)
    for part in text.split(separator: ",") {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
        first >= 0, last >= first, last < Self.limit
      else { return nil }
      numbers += first...last
    }
    self.init(numbers)
  }

  /// How many processors these are.
  public var count: Int { numbers.count }

  /// The processors that both sets hold.
  public func intersection(_ other: CPUSet) -> CPUSet {
    CPUSet(Set(numbers).intersection(other.numbers))
  }

  /// The processors that either set holds.
  public func union(_ other: CPUSet) -> CPUSet { CPUSet(numbers + other.numbers) }

  /// The processors of this set that `other` does not hold.
  public func subtracting(_ other: CPUSet) -> CPUSet {
    CPUSet(Set(numbers).subtracting(other.numbers))
  }

  /// The kernel's list format, `0-3,8`; `none` for an empty set.
  public var description: String {
    var runs: [ClosedRange<Int>] = []
    for number in numbers {
      if let last = runs.last, last.upperBound + 1 == number {
        runs[runs.count - 1] = last.lowerBound...number
      } else {
        runs.append(number...number)
      }
    }
    if runs.isEmpty { return "none" }
    return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ",")
  }

  /// More processors than any machine has; a damaged list must not fill the memory.
  private static let limit = 65_536
}

extension CPUSet {
  /// The processors that a process may run on: its affinity mask, as `sched_getaffinity` tells it.
  ///
  /// - Parameters:
  ///   - process: a process number, or `self`.
  ///   - root: the folder that holds `proc`; tests bring their own.
  /// - Returns: the mask, or nil where the kernel does not tell.
  public static func affinity(ofProcess process: String = "self", root: String = "") -> CPUSet? {
    let path = "\(root)/proc/\(process)/status"
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    let label = "Cpus_allowed_list:"
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(label) }),
      let set = CPUSet(list: String(line.dropFirst(label.count))), set.count > 0
    else { return nil }
    // The mask may name processors that are switched off.
    let running = online(root: root).map(set.intersection) ?? set
    return running.count > 0 ? running : set
  }

  /// The processors that are switched on.
  static func online(root: String) -> CPUSet? {
    let path = "\(root)/sys/devices/system/cpu/online"
    return (try? String(contentsOfFile: path, encoding: .utf8)).flatMap(CPUSet.init(list:))
  }
}
