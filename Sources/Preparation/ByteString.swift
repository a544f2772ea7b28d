/// A text as its bytes: equal only where every byte is, ordered by bytes.
///
/// `String` would take different bytes for equal where Unicode says they look alike.
struct ByteString: Hashable, Comparable {
  /// The bytes, UTF-8 where they are text.
  let bytes: [UInt8]

  /// The bytes of a collection.
  init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  /// The UTF-8 form of a text.
  init(_ text: String) { bytes = Array(text.utf8) }

  /// The text; what is no UTF-8 becomes replacement characters.
  var text: String { String(decoding: bytes, as: UTF8.self) }

  func hash(into hasher: inout Hasher) {
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
  }

  static func < (first: ByteString, second: ByteString) -> Bool {
    first.bytes.lexicographicallyPrecedes(second.bytes)
  }
}

/// How often each text occurs, counted by all ranks.
struct ByteCounts {
  /// The counts.
  private(set) var counts: [ByteString: Int] = [:]

  /// Counts a text.
  mutating func add(_ text: ByteString, _ count: Int = 1) { counts[text, default: 0] += count }

  /// The counts end to end, in any order.
  var packed: [UInt8] {
    var writer = ByteWriter()
    for (text, count) in counts {
      writer.append(text.bytes)
      writer.append(count)
    }
    return writer.bytes
  }

  /// The sum of the counts of all ranks: whole numbers, so their order is free.
  init(merging parts: [[UInt8]]) {
    for part in parts {
      var reader = ByteReader(part)
      while !reader.isAtEnd {
        let text = ByteString(reader.bytes())
        add(text, reader.number())
      }
    }
  }

  /// Nothing counted yet.
  init() {}

  /// The texts that occur often enough: most frequent first, equal counts by their bytes.
  func ranked(minimumCount: Int) -> [ByteString] {
    counts.filter { $0.value >= minimumCount }
      .sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }.map(\.key)
  }
}

extension [ByteString] {
  /// The texts end to end.
  var packed: [UInt8] {
    var writer = ByteWriter()
    for text in self { writer.append(text.bytes) }
    return writer.bytes
  }

  /// What ``packed`` wrote.
  init(unpacking bytes: [UInt8]) {
    self = []
    var reader = ByteReader(bytes)
    while !reader.isAtEnd { append(ByteString(reader.bytes())) }
  }
}
