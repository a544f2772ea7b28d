/// What the ids of a sequence spell.
///
/// Ids of characters and of pieces of words are put side by side, others, as words, with a blank between.
public struct TokenTexts: Sendable, Equatable {
  /// The bytes of each id.
  public let texts: [[UInt8]]
  private let separator: [UInt8]

  /// The text of ids that stand for the unknown, which tells nothing of what the others are.
  private static let unknown = Array("<unk>".utf8)

  /// The texts of ids, which tell by themselves what they are: characters where each is a single one,
  /// pieces where the first 256 are the bytes.
  ///
  /// - Parameter texts: the bytes of each id, in order.
  public init(_ texts: [[UInt8]]) {
    self.texts = texts
    let areCharacters = texts.allSatisfy { text in
      text == Self.unknown || text.count { $0 & 0xC0 != 0x80 } == 1
    }
    let arePieces =
      texts.count >= 256 && texts.prefix(256).enumerated().allSatisfy { $1 == [UInt8($0)] }
    separator = areCharacters || arePieces ? [] : [0x20]
  }

  /// What a sequence spells; bytes that are no UTF-8 become replacement characters.
  ///
  /// - Parameter ids: numbers from 0; one that has no text is written as its number.
  /// - Returns: the text, empty for no ids.
  public func text(_ ids: some Sequence<Int64>) -> String {
    let parts = ids.map { id in
      texts.indices.contains(Int(id)) ? texts[Int(id)] : Array("\(id)".utf8)
    }
    return String(decoding: Array(parts.joined(separator: separator)), as: UTF8.self)
  }
}
