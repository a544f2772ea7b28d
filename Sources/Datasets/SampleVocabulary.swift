import HDF5

/// The texts that the ids of a field stand for, as a sample file has them.
public struct SampleVocabulary: Sendable, Equatable {
  /// The root's group with one group for each field that has a vocabulary.
  public static let group = "vocabularies"

  /// The bytes of each id, in order; UTF-8 except for parts of characters.
  public let words: [[UInt8]]

  /// The text of an id; bytes that are no UTF-8 become replacement characters.
  public func text(_ id: Int) -> String { String(decoding: words[id], as: UTF8.self) }

  /// Reads the vocabulary of a field.
  ///
  /// - Parameters:
  ///   - field: the field's name.
  ///   - root: the root of a sample file.
  /// - Throws: ``DatasetError``: `.mismatch` where the file has none for the field, `.damaged` where its
  ///   offsets do not fit its bytes, `.ioFailure`.
  public init(of field: String, in root: HDF5Group) throws(DatasetError) {
    guard let found = try Self.ifAny(of: field, in: root) else {
      throw DatasetError(.mismatch, "there is no vocabulary for the field '\(field)'")
    }
    self = found
  }

  private init(words: [[UInt8]]) { self.words = words }

  /// The vocabulary of a field, nil where the file has none for it.
  ///
  /// - Parameters:
  ///   - field: the field's name.
  ///   - root: the root of a sample file.
  /// - Returns: its words.
  /// - Throws: ``DatasetError``: `.damaged`, `.ioFailure`.
  static func ifAny(
    of field: String, in root: HDF5Group
  ) throws(DatasetError) -> SampleVocabulary? {
    let path = "\(Self.group)/\(field)"
    let found = try border { () throws(HDF5Error) -> (bytes: [UInt8], offsets: [Int64])? in
      guard try root.member(path) == .group else { return nil }
      let group = try root.group(path)
      return (try group.dataset("bytes").readAll(), try group.dataset("offsets").readAll())
    }
    guard let (bytes, offsets) = found else { return nil }
    guard offsets.first == 0, offsets.last == Int64(bytes.count),
      zip(offsets, offsets.dropFirst()).allSatisfy({ $0 <= $1 })
    else {
      throw DatasetError(.damaged, "\(path): its offsets do not fit its bytes; prepare it again")
    }
    return SampleVocabulary(
      words: zip(offsets, offsets.dropFirst()).map { Array(bytes[Int($0)..<Int($1)]) })
  }
}
