/// The ids of many texts, end to end.
struct EncodedTexts {
  /// All ids.
  private(set) var ids: [Int32] = []
  /// Where each text's ids begin, and the end of the last.
  private(set) var offsets: [Int] = [0]
  /// Texts that were longer than allowed, and ids that stand for the unknown.
  private(set) var truncated = 0
  private(set) var unknown = 0

  /// Encodes texts; each rank does its part, and all ranks get everything.
  ///
  /// - Parameters:
  ///   - count: how many texts there are.
  ///   - tokenizer: the tokeniser.
  ///   - maxLength: only the first so many ids of a text are kept; nil: all.
  ///   - crew: the ranks.
  ///   - text: a text, valid UTF-8.
  /// - Throws: what the exchange throws.
  init(
    _ count: Int, _ tokenizer: Tokenizer, maxLength: Int?, _ crew: Crew,
    _ text: (Int) -> ArraySlice<UInt8>
  ) throws {
    var own: [Int32] = []
    var lengths = ByteWriter()
    var cut = 0
    for index in crew.share(count) {
      let before = own.count
      tokenizer.encode(text(index), into: &own)
      if let maxLength, own.count - before > maxLength {
        own.removeLast(own.count - before - maxLength)
        cut += 1
      }
      lengths.append(own.count - before)
    }
    let unseen = tokenizer.unknownID.map { id in own.count { $0 == id } } ?? 0
    let totals = try crew.sums([cut, unseen])
    (truncated, unknown) = (totals[0], totals[1])
    for part in try crew.allGather(lengths.bytes) {
      var reader = ByteReader(part)
      while !reader.isAtEnd { offsets.append((offsets.last ?? 0) + reader.number()) }
    }
    ids.reserveCapacity(offsets.last ?? 0)
    for part in try crew.allGather(own.withUnsafeBytes { Array($0) }) {
      part.withUnsafeBytes { bytes in
        for index in 0..<bytes.count / 4 {
          ids.append(bytes.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
        }
      }
    }
  }

  /// The number of ids of a text.
  func length(_ text: Int) -> Int { offsets[text + 1] - offsets[text] }

  /// Writes `range` of all ids as int64.
  func store(_ range: Range<Int>, into target: UnsafeMutableRawPointer) {
    for (place, index) in range.enumerated() {
      target.storeBytes(of: Int64(ids[index]), toByteOffset: place * 8, as: Int64.self)
    }
  }
}
