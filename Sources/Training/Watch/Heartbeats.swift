import Foundation
import Glibc

/// The folder in which every node leaves the state of its ranks about once a second.
///
/// It needs no MPI, so it also works when MPI is what is stuck, and it is what the launcher reads when a
/// job has ended badly. It is removed at an orderly end.
public struct Heartbeats: Sendable {
  /// The folder's path.
  public let folder: String
  /// The mark of the start whose heartbeats these are; nil takes all for them.
  let job: String?

  /// The heartbeats of a run.
  ///
  /// - Parameters:
  ///   - run: the run folder.
  ///   - job: the mark of one start, whose heartbeats alone are read; by default that of this process.
  public init(of run: RunFolder, job: String? = Heartbeats.ownJob) {
    folder = run.path + "/heartbeats"
    self.job = job
  }

  /// The mark of the start that this process belongs to, nil where no supervisor started it.
  public static var ownJob: String? { JobMark.own }

  /// What one node says.
  public struct Beat: Sendable, Equatable, Codable {
    /// The node's host name.
    public var node: String
    /// Grows with every beat.
    public var number: Int
    /// Seconds since 1970 on the node's clock, for people.
    public var time: Double
    /// The node's ranks.
    public var ranks: [RankState]
    /// The mark of the job's start; nil where no supervisor started it.
    public var job: String?
  }

  private static let verdictName = "verdict.json"
  private var verdictPath: String { "\(folder)/\(Self.verdictName)" }

  /// Makes the folder, empty: what an earlier job left says nothing about this one.
  func prepare() {
    try? FileManager.default.removeItem(atPath: folder)
    mkdir(folder, 0o777)
  }

  /// Replaces a node's file whole.
  ///
  /// A failure is not told: without heartbeats a run still runs. On a full disk the old file is touched, which
  /// also shows that its node lives.
  ///
  /// - Parameters:
  ///   - beat: what to write.
  ///   - file: the file's name.
  func write(_ beat: Beat, to file: String) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    guard let data = try? encoder.encode(beat) else { return }
    let hidden = "\(folder)/.\(file)"
    guard Self.put(data, hidden, O_CREAT | O_TRUNC) else {
      unlink(hidden)
      utimensat(AT_FDCWD, "\(folder)/\(file)", nil, 0)
      return
    }
    rename(hidden, "\(folder)/\(file)")
  }

  /// When a node's file was last written or touched, in nanoseconds; 0 where there is none.
  ///
  /// By the file server's clock, so only a change of it means anything.
  func touched(_ file: String) -> Int {
    var facts = stat()
    guard stat("\(folder)/\(file)", &facts) == 0 else { return 0 }
    return facts.st_mtim.tv_sec * 1_000_000_000 + facts.st_mtim.tv_nsec
  }

  /// Removes a node's file, and the folder with the last one.
  func remove(_ file: String) {
    unlink("\(folder)/\(file)")
    rmdir(folder)
  }

  /// What the nodes said last, by file name.
  public func read() -> [String: Beat] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    var beats: [String: Beat] = [:]
    for name in names where name.hasSuffix(".json") && !name.hasPrefix(".") {
      guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)"),
        let beat = try? JSONDecoder().decode(Beat.self, from: data), job == nil || beat.job == job
      else { continue }
      beats[name] = beat
    }
    return beats
  }

  /// Records why the job ends, once per job.
  ///
  /// - Returns: true for the one that recorded it, and should tell people.
  func record(_ verdict: JobVerdict) -> Bool {
    var verdict = verdict
    verdict.job = job
    let hidden = "\(verdictPath).\(getpid())"
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(verdict), Self.put(data, hidden, O_CREAT | O_TRUNC) else {
      unlink(hidden)
      // Where nothing can be written, telling twice is better than not at all.
      return access(verdictPath, F_OK) != 0
    }
    defer { unlink(hidden) }
    return link(hidden, verdictPath) == 0
  }

  /// Why the job ended, if one of its processes said so.
  public var verdict: JobVerdict? {
    guard let data = FileManager.default.contents(atPath: verdictPath),
      let verdict = try? JSONDecoder().decode(JobVerdict.self, from: data),
      job == nil || verdict.job == job
    else { return nil }
    return verdict
  }

  /// Writes a file; false if that fails.
  static func put(_ data: Data, _ path: String, _ flags: Int32) -> Bool {
    let descriptor = open(path, O_WRONLY | O_CLOEXEC | flags, 0o666)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return data.withUnsafeBytes { bytes in
      bytes.isEmpty || Glibc.write(descriptor, bytes.baseAddress, bytes.count) == bytes.count
    }
  }
}
