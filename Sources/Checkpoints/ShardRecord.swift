/// One shard file of a checkpoint, as its writer reports it and the manifest records it.
public struct ShardRecord: Sendable, Equatable, Codable {
  /// The file's name in the checkpoint's folder.
  public let file: String
  /// Its size.
  public let bytes: Int
  /// Its SHA-256, in hexadecimal.
  public let sha256: String
  /// What it holds.
  public let arrays: [Piece]

  /// A stretch of one array, most of which follow the canonical order of the parameters.
  public struct Piece: Sendable, Equatable, Codable {
    /// The array, for example `parameters` or `adam.m`.
    public let name: String
    /// The first scalar's place in the array.
    public let start: Int
    /// Scalars.
    public let count: Int

    /// Its place in the array.
    var range: Range<Int> { start..<start + count }
    /// The tensor's name in the shard file.
    var tensorName: String { "\(name)@\(start)" }
  }

  /// The name of shard `index` of `count`.
  static func fileName(index: Int, count: Int) -> String {
    "shard-\(padded(index, 5))-of-\(padded(count, 5)).safetensors"
  }

  /// A number with leading zeros.
  static func padded(_ number: Int, _ digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}

/// A stretch of one array in memory, to be written to a shard.
public struct ShardArray {
  /// The array, for example `parameters` or `adam.m`.
  public let name: String
  /// Its place in the array: in the canonical order for most.
  public let range: Range<Int>
  /// Its scalars, `range.count` of them.
  public let base: UnsafePointer<Float>

  /// A stretch that someone else keeps until it is written.
  public init(name: String, range: Range<Int>, base: UnsafePointer<Float>) {
    self.name = name
    self.range = range
    self.base = base
  }
}
