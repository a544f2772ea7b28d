/// A committed checkpoint, readable by any number of ranks.
public struct Checkpoint: Sendable {
  /// Its folder.
  public let path: String
  /// What it says about itself.
  public let manifest: CheckpointManifest
  /// Why newer checkpoints were passed over, one sentence each; for the log.
  public internal(set) var rejected: [String] = []

  init(path: String, manifest: CheckpointManifest) {
    self.path = path
    self.manifest = manifest
  }

  /// Checks every shard's size and SHA-256, and that it holds the tensors the manifest names.
  ///
  /// - Throws: `CheckpointError` with the file, the expected and the found value.
  public func verify() throws {
    for shard in manifest.shards {
      let file = try InputFile("\(path)/\(shard.file)", followsLinks: false)
      guard file.bytes == shard.bytes else {
        throw CheckpointError(
          .damaged, "\(file.path) has \(file.bytes) bytes, expected \(shard.bytes)")
      }
      let found = try file.sha256()
      guard found == shard.sha256 else {
        throw CheckpointError(
          .damaged, "\(file.path) has the SHA-256 \(found), expected \(shard.sha256)")
      }
      let content = try SafetensorsFile(file)
      for piece in shard.arrays { _ = try Self.entry(of: piece, in: content) }
    }
  }

  /// The tensor of a shard file that holds a stretch of an array.
  private static func entry(
    of piece: ShardRecord.Piece, in file: SafetensorsFile
  ) throws -> SafetensorsEntry {
    guard let entry = file[piece.tensorName], entry.shape == [piece.count], entry.type == .float32
    else {
      throw CheckpointError(
        .damaged, "\(file.path) lacks '\(piece.tensorName)' with \(piece.count) Float32 scalars")
    }
    return entry
  }

  /// Whether it holds the array `name`.
  public func holds(_ name: String) -> Bool { manifest.arrayNames.contains(name) }

  /// The array of the weights that count: the moving average where one is kept.
  public var weightsName: String { manifest.state.hasAverage ? "ema" : "parameters" }

  /// Reads a stretch of an array, from whichever shards cover it.
  ///
  /// - Parameters:
  ///   - name: the array, for example `parameters` or `adam.m`.
  ///   - range: a stretch of its scalars; need not match how it was written.
  ///   - output: room for `range.count` scalars.
  /// - Throws: `CheckpointError`: `missing` for an unknown array, `damaged` for a shard whose
  ///   content is not what the manifest says.
  public func read(
    _ name: String, _ range: Range<Int>, into output: UnsafeMutablePointer<Float>
  ) throws {
    guard holds(name) else {
      throw CheckpointError(
        .missing,
        "\(path) has no array '\(name)'; it has \(manifest.arrayNames.joined(separator: ", "))")
    }
    guard range.lowerBound >= 0, range.upperBound <= manifest.length(of: name) else {
      throw CheckpointError(
        .damaged, "\(path) holds \(manifest.length(of: name)) scalars of '\(name)', \(range) asked")
    }
    for shard in manifest.shards {
      let pieces = shard.arrays.filter { $0.name == name && $0.range.overlaps(range) }
      guard !pieces.isEmpty else { continue }
      let file = try SafetensorsFile(InputFile("\(path)/\(shard.file)", followsLinks: false))
      for piece in pieces {
        let entry = try Self.entry(of: piece, in: file)
        let part = piece.range.clamped(to: range)
        try file.readFloats(
          entry, part.lowerBound - piece.start..<part.upperBound - piece.start,
          into: output + (part.lowerBound - range.lowerBound))
      }
    }
  }
}
