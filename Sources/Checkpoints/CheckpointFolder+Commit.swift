import FaultPoints
import Foundation
import Glibc

extension CheckpointFolder {
  /// The checkpoint of step `step` while it is written; touches nothing.
  ///
  /// Every rank but the one that began it uses this, after a barrier.
  public func pending(step: Int) -> PendingCheckpoint {
    PendingCheckpoint(
      step: step, path: "\(path)/\(Self.pendingPrefix)\(Self.name(ofStep: step))")
  }

  /// Creates the temporary folder of a new checkpoint; rank 0 only.
  ///
  /// - Parameters:
  ///   - step: optimizer steps done.
  ///   - expectedBytes: what all shards will need; 0 skips the look at free space.
  /// - Returns: where every rank writes its shard.
  /// - Throws: `CheckpointError`: `cannotCreate`, or `inputOutput` where space is short.
  public func begin(step: Int, expectedBytes: Int = 0) throws -> PendingCheckpoint {
    try Folders.create(path)
    let pending = pending(step: step)
    if try Folders.exists(pending.path) { try Folders.remove(pending.path) }
    try checkSpace(expectedBytes)
    guard uninterrupted({ mkdir(pending.path, 0o755) }) == 0 else {
      throw CheckpointError.system(errno, "create the folder", pending.path)
    }
    try Folders.sync(path)
    FaultPoint.checkpointBegun.reach()
    return pending
  }

  /// Refuses to begin what cannot fit: a tenth and 1 MiB more than the shards must be free.
  private func checkSpace(_ expectedBytes: Int) throws {
    guard expectedBytes > 0 else { return }
    var status = statvfs()
    guard uninterrupted({ statvfs(path, &status) }) == 0 else {
      throw CheckpointError.system(errno, "ask for the free space of", path)
    }
    // Some file systems answer with a number that means "no limit".
    let (product, overflow) = UInt64(status.f_bavail)
      .multipliedReportingOverflow(by: UInt64(status.f_frsize))
    let free = overflow ? Int.max : Int(clamping: product)
    let needed = expectedBytes + expectedBytes / 10 + 1 << 20
    guard free >= needed else {
      throw CheckpointError(
        .noSpace,
        "a checkpoint in \(path) needs \(needed) bytes, \(free) are free; free some space")
    }
  }

  /// Writes one rank's shard and syncs it.
  ///
  /// - Parameters:
  ///   - pending: what rank 0 began.
  ///   - index: the shard's number, usually the rank.
  ///   - count: how many shards there are.
  ///   - arrays: what this rank owns; empty ranges are left out.
  /// - Returns: the record that rank 0 gathers for the manifest.
  /// - Throws: `CheckpointError` naming the file.
  public func writeShard(
    in pending: PendingCheckpoint, index: Int, of count: Int, arrays: [ShardArray]
  ) throws -> ShardRecord {
    let arrays = arrays.filter { !$0.range.isEmpty }
    let pieces = arrays.map {
      ShardRecord.Piece(name: $0.name, start: $0.range.lowerBound, count: $0.range.count)
    }
    let tensors = zip(arrays, pieces).map {
      SafetensorsTensor(name: $1.tensorName, shape: [$1.count], floats: $0.base)
    }
    let file = ShardRecord.fileName(index: index, count: count)
    let (bytes, sha256) = try SafetensorsWriter.write(
      tensors, metadata: ["format": "aimass-shard"], to: "\(pending.path)/\(file)")
    FaultPoint.shardSynced.reach()
    return ShardRecord(file: file, bytes: bytes, sha256: sha256, arrays: pieces)
  }

  /// Makes a checkpoint exist; rank 0 only, after every shard was written without error.
  ///
  /// - Parameters:
  ///   - pending: what was begun.
  ///   - manifest: the checkpoint's description, with every rank's shard record in rank order.
  /// - Throws: `CheckpointError`; the checkpoint then does not exist and earlier ones are untouched.
  public func commit(_ pending: PendingCheckpoint, manifest: CheckpointManifest) throws {
    precondition(manifest.step == pending.step, "the manifest is of another step")
    try manifest.checkShards()
    for shard in manifest.shards {
      let file = try InputFile("\(pending.path)/\(shard.file)", followsLinks: false)
      guard file.bytes == shard.bytes else {
        throw CheckpointError(
          .inputOutput, "\(file.path) has \(file.bytes) bytes, \(shard.bytes) were written")
      }
    }
    let encoded = try manifest.encoded()
    let digest = try OutputFile.create("\(pending.path)/\(Self.manifestName)") { file in
      try encoded.withUnsafeBytes { try file.write($0) }
    }.sha256
    FaultPoint.manifestWritten.reach()
    _ = try OutputFile.create("\(pending.path)/\(Self.commitName)") { try $0.write(digest + "\n") }
    try Folders.sync(pending.path)
    FaultPoint.commitWritten.reach()
    try publish(pending)
    FaultPoint.checkpointCommitted.reach()
  }

  /// Gives a complete checkpoint its final name, replacing one of the same step.
  private func publish(_ pending: PendingCheckpoint) throws {
    let final = path(ofStep: pending.step)
    let replaced = "\(path)/\(Self.replacedPrefix)\(Self.name(ofStep: pending.step))"
    let replaces = try Folders.exists(final)
    if replaces {
      if try Folders.exists(replaced) { try Folders.remove(replaced) }
      try Folders.rename(final, to: replaced)
    }
    do {
      try Folders.rename(pending.path, to: final)
      FaultPoint.checkpointRenamed.reach()
      try Folders.sync(path)
    } catch {
      // What may not be durable must not look committed, and the one before must be there again.
      try? Folders.rename(final, to: pending.path)
      if replaces { try? Folders.rename(replaced, to: final) }
      throw error
    }
    // The checkpoint exists; what of the earlier one stays is removed by the next `prepare`.
    if replaces { try? Folders.remove(replaced) }
  }

  /// Removes a checkpoint that will not be committed, as far as that is possible.
  ///
  /// What cannot be removed now is removed by the next `prepare`.
  public func abandon(_ pending: PendingCheckpoint) {
    try? Folders.remove(pending.path)
  }

  /// Deletes one checkpoint for good.
  func delete(step: Int) throws {
    // Renamed first, so that a deletion cut short leaves no half checkpoint with a good name.
    let hidden = "\(path)/\(Self.deletedPrefix)\(Self.name(ofStep: step))"
    if try Folders.exists(hidden) { try Folders.remove(hidden) }
    try Folders.rename(path(ofStep: step), to: hidden)
    try Folders.sync(path)
    FaultPoint.checkpointHidden.reach()
    try Folders.remove(hidden)
    FaultPoint.checkpointDeleted.reach()
  }
}
