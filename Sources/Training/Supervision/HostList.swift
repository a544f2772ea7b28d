import Foundation
import Glibc

/// The hosts of a job, in order, with the ranks that each may run.
public struct HostList: Sendable, Equatable {
  /// One host.
  public struct Host: Sendable, Equatable {
    /// Its name or address, as the launch agent takes it.
    public var name: String
    /// Ranks it may run, at least 1.
    public var slots: Int
  }

  /// The hosts, in the order in which ranks are given out.
  public var hosts: [Host]

  /// The hosts of a host file, or of a list.
  ///
  /// - Parameter text: the path of a file (`NAME slots=N` on a line, or a name once for each rank), or
  ///   names with a comma between, each with `:N` if it runs more than one rank.
  /// - Throws: ``TrainingError`` with `missingInput` for a file that cannot be read, `usage` for a line
  ///   that is no host.
  public init(_ text: String) throws {
    var lines: [String]
    if let file = try? String(contentsOfFile: text, encoding: .utf8) {
      lines = file.split(separator: "\n", omittingEmptySubsequences: false).map {
        String($0.prefix { $0 != "#" })
      }
    } else if text.contains("/") {
      throw TrainingError(.missingInput, "cannot read the host file \(text)")
    } else {
      lines = text.split(separator: ",").map(String.init)
    }
    lines = lines.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    hosts = []
    for line in lines { try add(line) }
    guard !hosts.isEmpty else { throw TrainingError(.usage, "--hosts names no host: \(text)") }
  }

  /// Hosts from their parts.
  public init(hosts: [Host]) { self.hosts = hosts }

  private mutating func add(_ line: String) throws {
    let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
    let parts = words[0].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    let slots = words.dropFirst().first { $0.hasPrefix("slots=") }.map { String($0.dropFirst(6)) }
    let count = Int(slots ?? (parts.count == 2 ? parts[1] : "1")) ?? 0
    guard parts.count <= 2, (1...1_000_000).contains(count),
      parts[0].wholeMatch(of: #/[A-Za-z0-9_][A-Za-z0-9._-]*/#) != nil
    else {
      throw TrainingError(
        .usage,
        "--hosts: expected NAME, NAME:N or NAME slots=N with N from 1 on, found '\(line)'")
    }
    if let index = hosts.firstIndex(where: { $0.name == parts[0] }) {
      hosts[index].slots += count
    } else {
      hosts.append(Host(name: parts[0], slots: count))
    }
  }

  /// Ranks that all hosts may run together.
  public var slots: Int { hosts.reduce(0) { $0 + $1.slots } }

  /// The hosts of the first `ranks` ranks, each with as many slots as it gets of them.
  ///
  /// - Parameter ranks: how many.
  /// - Returns: hosts in the same order; those that get none are left out.
  package func placing(_ ranks: Int) -> HostList {
    var rest = ranks
    var placed: [Host] = []
    for host in hosts where rest > 0 {
      placed.append(Host(name: host.name, slots: min(rest, host.slots)))
      rest -= min(rest, host.slots)
    }
    return HostList(hosts: placed)
  }

  /// The host on which a rank runs, ranks being given out host by host.
  ///
  /// - Parameter rank: from 0.
  /// - Returns: its name, or nil for a rank beyond all slots.
  package func host(ofRank rank: Int) -> String? {
    var end = 0
    for host in hosts {
      end += host.slots
      if rank < end { return rank < 0 ? nil : host.name }
    }
    return nil
  }

  /// `a:2,b:1`, as `mpirun --host` takes them.
  package var text: String { hosts.map { "\($0.name):\($0.slots)" }.joined(separator: ",") }
}
