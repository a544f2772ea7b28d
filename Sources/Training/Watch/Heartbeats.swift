import Foundation
import Glibc

/// The folder in which every node leaves the state of its ranks about once a second.
///
/// It needs no MPI, so it also works when MPI is what is stuck, and it is what the launcher reads when a
/// job has ended badly. It is removed at an orderly end.
public struct Heartbeats: Sendable {
  /// The folder's path.
  public let folder: String

  /// The heartbeats of a run.
  public init(of run: RunFolder) { folder = run.path + "/heartbeats" }

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
  }

  private static let verdictName = "verdict.txt"
  private var verdictPath: String { "\(folder)/\(Self.verdictName)" }

  /// Makes the folder, empty: what an earlier job left says nothing about this one.
  func prepare() {
    try? FileManager.default.removeItem(atPath: folder)
    mkdir(folder, 0o777)
  }

  /// Replaces a node's file whole.
  ///
  /// A failure is not told: without heartbeats a run still runs.
  ///
  /// - Parameters:
  ///   - beat: what to write.
  ///   - file: the file's name.
  func write(_ beat: Beat, to file: String) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    guard let data = try? encoder.encode(beat) else { return }
    let hidden = "\(folder)/.\(file)"
    guard Self.put(data, hidden, O_CREAT | O_TRUNC) else { return }
    rename(hidden, "\(folder)/\(file)")
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
        let beat = try? JSONDecoder().decode(Beat.self, from: data)
      else { continue }
      beats[name] = beat
    }
    return beats
  }

  /// Records why the job ends, once per job.
  ///
  /// - Returns: true for the one that recorded it, and should tell people.
  func record(_ sentence: String) -> Bool {
    let hidden = "\(verdictPath).\(getpid())"
    guard Self.put(Data((sentence + "\n").utf8), hidden, O_CREAT | O_TRUNC) else {
      // Where nothing can be written, telling twice is better than not at all.
      return access(verdictPath, F_OK) != 0
    }
    defer { unlink(hidden) }
    return link(hidden, verdictPath) == 0
  }

  /// Why the job ended, if a watchdog said so.
  public var verdict: String? {
    guard let data = FileManager.default.contents(atPath: verdictPath) else { return nil }
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
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
