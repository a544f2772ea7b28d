import Foundation
import Glibc

/// One start of a job, from the command line to the last process.
final class JobStart {
  /// Which start of the supervisor it is, from 1.
  let number: Int
  /// R.
  let ranks: Int
  /// Its hosts, each with the ranks it has; nil for this machine.
  let hosts: HostList?
  /// What its processes and heartbeats carry.
  let mark = JobMark()
  /// Its heartbeats.
  let heartbeats: Heartbeats
  /// The step of the newest checkpoint before it.
  let checkpointBefore: Int?
  /// `mpirun`, or what starts the ranks instead.
  let process: JobProcess
  /// Whether `SIGTSTP` and `SIGCONT` reach the ranks.
  let isMpirun: Bool

  private let folder: RunFolder
  private let contact: String
  private let began = StepClock.now()
  private let lockBefore: Data?
  private let summaryBefore: [Int]?
  private let keepsNothing: Bool

  /// Starts the ranks.
  ///
  /// - Throws: ``TrainingError`` if that is not possible.
  init(_ number: Int, _ options: JobOptions, _ program: String, checkpointBefore: Int?) throws {
    self.number = number
    self.checkpointBefore = checkpointBefore
    folder = options.runFolder
    heartbeats = Heartbeats(of: folder, job: mark.value)
    ranks = try options.rankCount(first: number == 1)
    hosts = options.place.hosts?.placing(ranks)
    isMpirun = options.place.starter.isEmpty
    contact = "\(NSTemporaryDirectory())/aimass-\(mark.value)"
    keepsNothing = options.isDryRun
    summaryBefore = Self.mark(folder.summary)
    lockBefore = FileManager.default.contents(atPath: folder.path + "/LOCK")
    let words = options.place.command(ranks: ranks, contact: contact)
    process = try JobProcess(
      words + [program] + options.arguments, environment: options.place.environment(mark))
  }

  /// Seconds since it began.
  var seconds: Double { Double(StepClock.now() - began) * 1e-9 }

  /// Whether one of its ranks has taken the run folder: each new holder changes the lock's text.
  var hasTakenFolder: Bool {
    let now = FileManager.default.contents(atPath: folder.path + "/LOCK")
    return now != nil && now != lockBefore
  }

  /// Whether the run has what a finished run leaves; nil where it would leave nothing.
  var isComplete: Bool? { keepsNothing ? nil : access(folder.summary, F_OK) == 0 }

  /// Whether this start has left that.
  var hasFinished: Bool {
    let now = Self.mark(folder.summary)
    return now != nil && now != summaryBefore
  }

  /// What tells a file from a later one at its place; nil where there is none.
  private static func mark(_ path: String) -> [Int]? {
    var facts = stat()
    guard stat(path, &facts) == 0 else { return nil }
    return [Int(facts.st_ino), facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec]
  }

  /// What is left of it on this host.
  ///
  /// A process shows no environment while it becomes another program, so one look may miss it.
  var processes: [pid_t] {
    let found = Set(mark.processes + process.members)
    guard found.isEmpty else { return Array(found) }
    usleep(10_000)
    return mark.processes
  }

  /// Passes on the rest of the output and removes what Open MPI leaves when it is killed.
  ///
  /// - Note: memory of the ranks in `/dev/shm`, which nobody else would free before the next boot, and
  ///   folders of the job in the temporary folder, all named after numbers of this job alone.
  func finish() {
    process.finish()
    defer { unlink(contact) }
    guard isMpirun, let text = try? String(contentsOfFile: contact, encoding: .utf8),
      let job = UInt32(text.prefix { $0.isNumber })
    else { return }
    let (host, user) = (Self.hostName, getuid())
    let segments = "vader_segment.\(host).\(user).\(String(job + 1, radix: 16))."
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/shm")) ?? []
    for name in names where name.hasPrefix(segments) { unlink("/dev/shm/\(name)") }
    let session = "\(NSTemporaryDirectory())/ompi.\(host).\(user)"
    for name in ["pid.\(process.pid)", "jf.\(job >> 16)"] {
      try? FileManager.default.removeItem(atPath: "\(session)/\(name)")
    }
  }

  /// This host's name.
  static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
