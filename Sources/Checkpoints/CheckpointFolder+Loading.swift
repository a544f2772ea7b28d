import Glibc

extension CheckpointFolder {
  /// Opens the newest checkpoint that verifies completely; rank 0 only.
  ///
  /// One that does not verify is renamed to `quarantine-…` with a `REASON` beside its files, and
  /// the next older is tried. A checkpoint of a newer version, or a disk that fails, is an error
  /// and renames nothing.
  ///
  /// - Parameters:
  ///   - quarantines: false only reads: damaged checkpoints stay where they are.
  ///   - exhausted: steps that are passed over though they verify: see ``CheckpointAttempts``.
  /// - Returns: the checkpoint with the reasons against newer ones, or nil where none was ever made.
  /// - Throws: `CheckpointError`; `damaged` where checkpoints exist but none is valid.
  public func loadNewestValid(
    quarantines: Bool = true, passingOver exhausted: Set<Int> = []
  ) throws -> Checkpoint? {
    var reasons: [String] = []
    for step in try stepFolders() {
      if exhausted.contains(step) {
        reasons.append(
          "\(Self.name(ofStep: step)): \(CheckpointAttempts.limit) starts from it died at once;"
            + " delete \(CheckpointAttempts.name) to try it again")
        continue
      }
      do {
        var checkpoint = try open(step: step)
        checkpoint.rejected = reasons
        return checkpoint
      } catch let error as CheckpointError
        where error.code == .damaged || error.code == .missing
      {
        reasons.append("\(Self.name(ofStep: step)): \(error.message)")
        if quarantines { try quarantine(step: step, reason: error.message) }
      }
    }
    let asides = try Folders.names(in: path).filter { $0.hasPrefix(Self.quarantinePrefix) }
    guard reasons.isEmpty, asides.isEmpty else {
      let detail =
        reasons.isEmpty ? asides.joined(separator: ", ") : reasons.joined(separator: "; ")
      throw CheckpointError(
        .damaged,
        "\(path) has checkpoints but none is valid (\(detail)); restore one, or start again with"
          + " train --fresh")
    }
    return nil
  }

  /// Opens one checkpoint.
  ///
  /// - Parameters:
  ///   - step: the step it was taken after.
  ///   - verifying: whether every file's size and SHA-256 are checked; a rank that was told by
  ///     another that they hold may leave it.
  /// - Returns: the checkpoint.
  /// - Throws: `CheckpointError`: `missing`, `damaged` naming the file, or `newerVersion`.
  public func open(step: Int, verifying: Bool = true) throws -> Checkpoint {
    let folder = path(ofStep: step)
    do {
      if try Folders.exists(folder) { return try open(folder, step, verifying) }
    } catch let error as CheckpointError where error.code == .missing {
      // A file that is gone is damage, unless the whole checkpoint was deleted just now.
      if try Folders.exists(folder) { throw CheckpointError(.damaged, error.message) }
    }
    let steps = try list().map(String.init).joined(separator: ", ")
    throw CheckpointError(
      .missing, "there is no checkpoint of step \(step) in \(path); it has the steps [\(steps)]")
  }

  private func open(_ folder: String, _ step: Int, _ verifying: Bool) throws -> Checkpoint {
    let commit = try InputFile("\(folder)/\(Self.commitName)", followsLinks: false)
    let recorded = try commit.contents(limit: 65)
    let manifest = try InputFile("\(folder)/\(Self.manifestName)", followsLinks: false)
    let found = try manifest.sha256()
    guard recorded == Array((found + "\n").utf8) else {
      throw CheckpointError(
        .damaged,
        "\(manifest.path) has the SHA-256 \(found), which is not the one in \(Self.commitName)")
    }
    let checkpoint = Checkpoint(
      path: folder,
      manifest: try CheckpointManifest.decode(
        manifest.contents(limit: Self.manifestLimit), path: manifest.path))
    guard checkpoint.manifest.step == step else {
      throw CheckpointError(
        .damaged, "\(folder) holds the checkpoint of step \(checkpoint.manifest.step)")
    }
    if verifying { try checkpoint.verify() }
    return checkpoint
  }

  /// Renames a checkpoint aside and writes down why.
  private func quarantine(step: Int, reason: String) throws {
    let name = Self.quarantinePrefix + Self.name(ofStep: step)
    var aside = "\(path)/\(name)"
    var number = 1
    while try Folders.exists(aside) {
      number += 1
      aside = "\(path)/\(name)-\(number)"
    }
    try Folders.rename(path(ofStep: step), to: aside)
    _ = uninterrupted { unlink("\(aside)/REASON") }
    _ = try OutputFile.create("\(aside)/REASON") { try $0.write(reason + "\n") }
    try Folders.sync(path)
  }
}
