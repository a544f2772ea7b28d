import Glibc

/// The folder `RUN/checkpoints`, in which a checkpoint exists whole or not at all.
///
/// A checkpoint is written into `.tmp-step-…`, every file synced and its close checked; then the
/// manifest, then `COMMIT` with the manifest's SHA-256, then the folder is renamed to `step-…` and
/// the rename synced. Without a matching `COMMIT` a folder is not a checkpoint. The disk, not
/// memory, is the truth about what exists.
///
/// Ranks call it and communicate themselves: rank 0 `begin`s; after a barrier every rank
/// `writeShard`s; rank 0 gathers the records and `commit`s; after another barrier it may `retain`.
public struct CheckpointFolder: Sendable {
  /// Where it is.
  public let path: String

  static let manifestName = "manifest.json"
  static let commitName = "COMMIT"
  /// The longest manifest we read, in bytes: some ten thousands of shards.
  static let manifestLimit = 64 << 20
  static let pendingPrefix = ".tmp-"
  static let replacedPrefix = ".old-"
  static let deletedPrefix = ".del-"
  static let quarantinePrefix = "quarantine-"
  static let pinPrefix = "pin-"

  /// The folder at `path`, which need not exist yet.
  public init(_ path: String) { self.path = path }

  /// The name of the checkpoint of step `step`.
  static func name(ofStep step: Int) -> String { "step-\(ShardRecord.padded(step, 8))" }

  /// The step of a checkpoint's folder name, nil for any other name.
  public static func step(ofName name: String) -> Int? {
    let digits = name.dropFirst(5)
    guard name.hasPrefix("step-"), digits.count >= 8,
      digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let step = Int(digits),
      name == Self.name(ofStep: step)
    else { return nil }
    return step
  }

  /// The path of the checkpoint of step `step`.
  func path(ofStep step: Int) -> String { "\(path)/\(Self.name(ofStep: step))" }

  /// The steps of all committed checkpoints, newest first; nothing is verified.
  ///
  /// - Returns: steps of folders that have a `COMMIT`.
  /// - Throws: `CheckpointError` if the folder cannot be listed.
  public func list() throws -> [Int] {
    try stepFolders().filter { step in
      let commit = "\(path(ofStep: step))/\(Self.commitName)"
      if uninterrupted({ access(commit, F_OK) }) == 0 { return true }
      guard [ENOENT, ENOTDIR, ELOOP].contains(errno) else {
        throw CheckpointError.system(errno, "look at", commit)
      }
      return false
    }
  }

  /// The steps of all folders with a checkpoint's name, newest first, committed or damaged.
  func stepFolders() throws -> [Int] {
    try Folders.names(in: path).compactMap { name in
      guard let step = Self.step(ofName: name) else { return nil }
      return try Folders.exists("\(path)/\(name)") ? step : nil
    }.sorted(by: >)
  }

  /// Creates the folder, removes what earlier runs left unfinished, and finishes a replacement that
  /// was cut short.
  ///
  /// Called once at start by the rank that holds the run's lock.
  ///
  /// - Throws: `CheckpointError` if the folder cannot be created or changed.
  public func prepare() throws {
    try Folders.create(path)
    for name in try Folders.names(in: path) {
      if name.hasPrefix(Self.pendingPrefix) || name.hasPrefix(Self.deletedPrefix) {
        try Folders.removeAny("\(path)/\(name)")
      } else if name.hasPrefix(Self.replacedPrefix) {
        let original = "\(path)/\(name.dropFirst(Self.replacedPrefix.count))"
        if try Folders.exists(original) {
          try Folders.remove("\(path)/\(name)")
        } else {
          try Folders.rename("\(path)/\(name)", to: original)
        }
      }
    }
    try Folders.sync(path)
  }
}

/// A checkpoint being written, invisible to readers.
public struct PendingCheckpoint: Sendable, Equatable {
  /// The step it belongs to.
  public let step: Int
  /// Its temporary folder.
  public let path: String
}
