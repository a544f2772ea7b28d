import Foundation
import Glibc

/// What all processes of one start of a job carry in their environment, and its heartbeats in their files.
///
/// Ranks leave `mpirun`'s process group and, when it is killed, its family, but not their environment.
struct JobMark: Sendable, Equatable {
  /// The variable that holds ``value``.
  static let variable = "AIMASS_JOB"
  /// Unlike that of any other start.
  let value: String

  /// A new mark.
  init() {
    value = "\(getpid())-\(String(UInt64.random(in: .min ... .max), radix: 16))"
  }

  /// The mark of this process, nil where no supervisor started it.
  static var own: String? { getenv(variable).map { String(cString: $0) } }

  /// The living processes of this host that carry the mark, without this one.
  ///
  /// - Cost: reads one file of every process.
  var processes: [pid_t] {
    let needle = Data("\(Self.variable)=\(value)\0".utf8)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap(pid_t.init).filter { process in
      guard process != getpid(),
        let variables = FileManager.default.contents(atPath: "/proc/\(process)/environ")
      else { return false }
      return variables.range(of: needle) != nil
    }
  }

  /// Whether a process carries the mark.
  func isOn(_ process: pid_t) -> Bool {
    Self.variables(of: process).contains("\(Self.variable)=\(value)")
  }

  /// The rank that a process is, nil for one that no launcher started as a rank.
  static func rank(of process: pid_t) -> Int? {
    let names = ["OMPI_COMM_WORLD_RANK=", "PMIX_RANK="]
    return variables(of: process).lazy.compactMap { text in
      names.first(where: text.hasPrefix).flatMap { Int(text.dropFirst($0.count)) }
    }.first
  }

  private static func variables(of process: pid_t) -> [String] {
    let data = FileManager.default.contents(atPath: "/proc/\(process)/environ") ?? Data()
    return data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  }
}
