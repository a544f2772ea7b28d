import Checkpoints
import Foundation
import Glibc

/// The folder that holds everything a run leaves behind.
///
/// One folder belongs to one identity: the resolved configuration without what may change on
/// resume, and the dataset's digest. Another identity never touches what is there.
public struct RunFolder: Sendable {
  /// The folder's path.
  public let path: String

  /// The folder at `path`, which need not exist yet.
  public init(_ path: String) { self.path = path }

  /// The resolved configuration.
  public var configuration: String { path + "/config.yaml" }
  /// What may not change on resume, as text.
  public var identity: String { path + "/identity.txt" }
  /// The folder that relative paths of the configuration start from, as text.
  public var origin: String { path + "/origin.txt" }
  /// One JSON object per logged step or evaluation.
  public var metrics: String { path + "/metrics.jsonl" }
  /// What came out; exists when the run is complete.
  public var summary: String { path + "/summary.json" }
  /// The checkpoints.
  public var checkpoints: String { path + "/checkpoints" }
  /// The SHA-256 of the weights that the run began with, where it began with those of another run.
  public var beginning: String { path + "/beginning.txt" }
  /// What teachers said about the training samples.
  public var teachers: String { path + "/teachers" }
  /// The picture of the run.
  public var report: String { path + "/report.html" }
  /// Events of all ranks, if a trace was asked for.
  public var trace: String { path + "/trace.json" }
  /// Two steps of it as a picture.
  public var tracePicture: String { path + "/trace.svg" }
  /// What `aimass prune` tried, if it made the run.
  public var pruning: String { path + "/pruning.json" }
  /// The same as a picture.
  public var pruningPicture: String { path + "/pruning.svg" }
  /// The last evaluation of a split by `aimass evaluate`.
  public func evaluation(of split: String) -> String { path + "/evaluation-\(split).json" }

  /// What a run of some identity finds in the folder.
  public enum State: Sendable, Equatable {
    /// Nothing: the folder is absent or empty.
    case absent
    /// An unfinished run of the same identity.
    case unfinished
    /// A finished run of the same identity.
    case complete
    /// A run of another identity; the lines that differ.
    case foreign(differences: [String])
    /// Something that is no run.
    case occupied
  }

  /// Compares the folder with a run's identity; changes nothing.
  ///
  /// - Parameter wanted: the identity text of the run that wants the folder.
  /// - Returns: what the run finds.
  /// - Throws: ``TrainingError`` if the folder cannot be read.
  public func state(for wanted: String) throws -> State {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      return .absent
    }
    guard isFolder.boolValue else { return .occupied }
    let entries: [String]
    do {
      entries = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw TrainingError(.inputOutput, "\(path): the folder cannot be read")
    }
    // What a start leaves that dies before it has written the identity, and what one is just making.
    let isBegun = entries.allSatisfy {
      $0 == "LOCK" || $0 == "checkpoints" || $0.hasPrefix(OutputFile.hiddenPrefix)
    }
    if isBegun, !hasCheckpoints {
      return .absent
    }
    guard let found = try? String(contentsOfFile: identity, encoding: .utf8) else {
      return .occupied
    }
    guard found == wanted else {
      return .foreign(differences: Self.differences(found, wanted))
    }
    return entries.contains("summary.json") ? .complete : .unfinished
  }

  private var hasCheckpoints: Bool {
    (try? FileManager.default.contentsOfDirectory(atPath: checkpoints))?.isEmpty == false
  }

  /// The lines of `wanted` that `found` has otherwise, else those that it has and `wanted` lacks; at most five.
  static func differences(_ found: String, _ wanted: String) -> [String] {
    let (before, after) = (found.split(separator: "\n"), wanted.split(separator: "\n"))
    let changes = after.difference(from: before)
    func text(_ change: CollectionDifference<Substring>.Change) -> String {
      switch change {
      case .insert(_, let line, _): line.trimmingCharacters(in: .whitespaces)
      case .remove(_, let line, _): "without `\(line.trimmingCharacters(in: .whitespaces))`"
      }
    }
    let told = changes.insertions.isEmpty ? changes.removals : changes.insertions
    return told.prefix(5).map(text)
  }

  /// Makes the folder, for whoever gets its lock.
  ///
  /// - Throws: ``TrainingError`` with status `cannotCreate`.
  public func make() throws {
    do {
      try Folders.create(checkpoints, mode: 0o777)
    } catch {
      throw cannotCreate("\(error)")
    }
  }

  /// Makes the folder with the run's identity and configuration.
  ///
  /// - Parameters:
  ///   - yaml: the resolved configuration.
  ///   - identityText: the run's identity.
  ///   - origin: the folder that relative paths of the configuration start from.
  /// - Throws: ``TrainingError`` with status `cannotCreate`.
  public func create(yaml: String, identityText: String, origin: String) throws {
    try make()
    do {
      // First what makes the folder this run's: a start that dies here is gone on with, not in the way.
      try write(identityText, to: identity)
      try complete(yaml: yaml, origin: origin)
    } catch {
      throw cannotCreate("\(error)")
    }
  }

  /// Writes what may be missing where a start died, and the configuration as it is now.
  func complete(yaml: String, origin: String) throws {
    if !FileManager.default.fileExists(atPath: self.origin) { try write(origin, to: self.origin) }
    try write(yaml, to: configuration)
  }

  private func cannotCreate(_ reason: String) -> TrainingError {
    TrainingError(
      .cannotCreate,
      "\(path): the run folder cannot be created (\(reason)); choose another --output")
  }

  /// Replaces a file whole and durably: readers see the old text or the new one, also after a power loss.
  func write(_ text: String, to file: String) throws {
    try OutputFile.replace(file, with: text)
  }

  /// Makes the names in the folder durable: checkpoints are of no use to a run that is not known any more.
  func synchronize() throws { try Folders.sync(path) }

  /// Renames an existing folder aside.
  ///
  /// - Returns: the new name.
  /// - Throws: ``TrainingError`` with status `cannotCreate`.
  public func setAside() throws -> String {
    for number in 1... {
      let aside = "\(path).old-\(number)"
      if FileManager.default.fileExists(atPath: aside) { continue }
      guard rename(path, aside) == 0 else { break }
      return aside
    }
    throw TrainingError(
      .cannotCreate, "\(path): cannot be renamed aside (\(String(cString: strerror(errno))))")
  }
}
