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
  public var counts: [Int: Int] {
    guard let file = try? InputFile(path, followsLinks: false),
      let content = try? file.contents(limit: 1 << 20),
      let named = try? JSONDecoder().decode([String: Int].self, from: Data(content))
    else { return [:] }
    let pairs = named.compactMap { name, count in
      Int(name).map { (step: $0, count: max(0, count)) }
    }
    return Dictionary(pairs.map { ($0.step, $0.count) }) { max($0, $1) }
  }

  /// The steps of checkpoints that are passed over.
  public var exhausted: Set<Int> { Set(counts.filter { $0.value >= Self.limit }.keys) }

  /// Notes that a start from the checkpoint of `step` begins, before anything of it is loaded.
  ///
  /// - Throws: `CheckpointError` if that cannot be written.
  public func begin(step: Int) throws {
    var counts = counts
    counts[step, default: 0] += 1
    try write(counts)
  }

  /// Notes that a start from the checkpoint of `step` has done some steps, or ended with a reason.
  public func succeed(step: Int) {
    var counts = counts
    guard counts.removeValue(forKey: step) != nil else { return }
    // A count that stays costs one start from an older checkpoint at worst.
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
    let hidden = "\(folder)/\(CheckpointFolder.pendingPrefix)\(Self.name)"
    _ = uninterrupted { unlink(hidden) }
    _ = try OutputFile.create(hidden) { try $0.write(text + "\n") }
    try Folders.rename(hidden, to: path)
    try Folders.sync(folder)
  }
}
