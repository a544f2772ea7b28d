import Foundation
import Glibc

/// How often starts from a checkpoint died before they had done anything: `attempts.json`.
///
/// A checkpoint that loads and then always kills the job would be tried for ever. A start counts as an
/// attempt until it has done some steps or ended with a reason; a checkpoint with ``limit`` attempts is
/// passed over.
public struct CheckpointAttempts: Sendable {
  /// Attempts after which a checkpoint is passed over.
  public static let limit = 2

  private let folder: String
  private var path: String { "\(folder)/\(Self.name)" }
  static let name = "attempts.json"

  /// Those of a folder of checkpoints.
  public init(_ checkpoints: CheckpointFolder) { folder = checkpoints.path }

  /// The attempts by step; none where the file is absent or not ours.
  ///
  /// - Throws: `CheckpointError` where the file cannot be read: who takes that for no attempts tries a
  ///   checkpoint for ever.
  public func counts() throws -> [Int: Int] {
    let content: [UInt8]
    do {
      // By way of the folder itself, which may be a link; what lies in it may not.
      content = try InputFile("\(folder)/./\(Self.name)", followsLinks: false)
        .contents(limit: 1 << 20)
    } catch let error as CheckpointError where [.missing, .damaged].contains(error.code) {
      return [:]
    }
    guard let named = try? JSONDecoder().decode([String: Int].self, from: Data(content)) else {
      return [:]
    }
    let pairs = named.compactMap { name, count in
      Int(name).map { (step: $0, count: max(0, count)) }
    }
    return Dictionary(pairs.map { ($0.step, $0.count) }) { max($0, $1) }
  }

  /// The steps of checkpoints that are passed over.
  ///
  /// - Throws: what ``counts()`` throws.
  public func exhausted() throws -> Set<Int> {
    Set(try counts().filter { $0.value >= Self.limit }.keys)
  }

  /// Notes that a start from the checkpoint of `step` begins, before anything of it is loaded.
  ///
  /// - Throws: `CheckpointError` if that cannot be written, or what ``counts()`` throws.
  public func begin(step: Int) throws {
    var counts = try counts()
    counts[step, default: 0] += 1
    try write(counts)
  }

  /// Forgets the attempts at the checkpoint of `step`: a start from it has done some steps, or ended with a
  /// reason, or it was written anew.
  public func forget(step: Int) {
    // A count that stays costs one start from an older checkpoint at worst.
    guard var counts = try? counts(), counts.removeValue(forKey: step) != nil else { return }
    try? write(counts)
  }

  private func write(_ counts: [Int: Int]) throws {
    if counts.isEmpty {
      guard uninterrupted({ unlink(path) }) == 0 || errno == ENOENT else {
        throw CheckpointError.system(errno, "delete", path)
      }
      return
    }
    let named = Dictionary(counts.map { ("\($0.key)", $0.value) }) { $1 }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let text = String(decoding: (try? encoder.encode(named)) ?? Data("{}".utf8), as: UTF8.self)
    try OutputFile.replace(path, with: text + "\n")
  }
}
