import Configuration

/// One long text in windows of ids.
struct Corpus {
  /// Its name in the recipe.
  let name: String
  /// What was learned from it, or from the corpus that it is `like`.
  let tokenizer: Tokenizer
  /// T.
  let length: Int
  /// Ids from one window to the next.
  let stride: Int
  /// What a person should know.
  let notes: [String]
  /// B: streams whose windows lie side by side; 0 for one window after the other.
  let streams: Int
  private let texts: EncodedTexts

  /// Reads, learns and encodes.
  ///
  /// - Parameters:
  ///   - source: the recipe's options.
  ///   - name: its name in the recipe.
  ///   - root: the folder of its paths.
  ///   - like: the corpus named by `like`.
  ///   - crew: the ranks.
  /// - Throws: ``PreparationError`` for text that is not UTF-8 or too short for one window.
  init(
    _ source: CorpusSource, name: String, root: String, like: Corpus?, crew: Crew
  ) throws {
    self.name = name
    let bytes = try Corpus.read(source, root: root)
    // A line end begins a segment: so no word and no piece of byte pairs is cut in two.
    let segments = Corpus.segments(bytes)
    tokenizer =
      try like?.tokenizer
      ?? Tokenizer(source.tokens, documents: segments.count, crew: crew) { bytes[segments[$0]] }
    texts = try EncodedTexts(segments.count, tokenizer, maxLength: nil, crew) {
      bytes[segments[$0]]
    }
    length = like?.length ?? source.length
    stride = like?.stride ?? source.stride
    streams = source.streams
    guard streams == 0 || stride == length else {
      throw PreparationError(
        .badRecipe,
        "source '\(name)': windows of streams follow one another; its stride \(stride) must be its"
          + " length \(length)")
    }
    let windows = Corpus.windows(texts.ids.count, length, stride, streams)
    guard windows > 0 else {
      throw PreparationError(
        .badData,
        "\(source.paths.joined(separator: ", ")): \(texts.ids.count) ids are too few for "
          + (streams > 0 ? "\(streams) streams" : "one window") + " of \(length) ids and one more")
    }
    notes = [
      "\(name): \(texts.ids.count) tokens of \(tokenizer.count) ids in \(windows) windows"
        + (texts.unknown > 0 ? "; \(texts.unknown) tokens are unknown (id 0)" : "")
    ]
  }

  /// The part of the files that `share` says.
  private static func read(_ source: CorpusSource, root: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    for path in source.paths {
      let file = try RawFile(path, root: root)
      for (number, line) in TextLines.lines(try file.readAll(), keepsEnds: true).enumerated() {
        if let fault = UnicodeText.firstFault(line) {
          throw TextLines.notUnicode("\(path), line \(number + 1), byte \(fault + 1)")
        }
        bytes.append(contentsOf: line)
      }
    }
    let characters = bytes.count { $0 & 0xc0 != 0x80 }
    let bounds = source.share.map { Int($0 * Double(characters)) }
    var places: [Int] = []
    var seen = 0
    for (place, byte) in bytes.enumerated() where byte & 0xc0 != 0x80 {
      while places.count < 2, bounds[places.count] == seen { places.append(place) }
      seen += 1
    }
    while places.count < 2 { places.append(bytes.count) }
    return Array(bytes[places[0]..<places[1]])
  }

  private static func segments(_ bytes: [UInt8]) -> [Range<Int>] {
    var segments: [Range<Int>] = []
    var start = 0
    while start < bytes.count {
      let end = bytes[(start + 1)...].firstIndex(of: 0x0a) ?? bytes.count
      segments.append(start..<end)
      start = end
    }
    return segments
  }

  private static func windows(_ ids: Int, _ length: Int, _ stride: Int, _ streams: Int) -> Int {
    if streams > 0 { return max(0, ids - 1) / (length * streams) * streams }
    return ids > length ? (ids - 1 - length) / stride + 1 : 0
  }

  /// The number of windows.
  var rows: Int { Corpus.windows(texts.ids.count, length, stride, streams) }

  /// The first id of a window.
  private func start(_ row: Int) -> Int {
    guard streams > 0 else { return row * stride }
    return (row % streams * (rows / streams) + row / streams) * length
  }

  /// Writes a window, or its targets: the ids one further on.
  func store(_ row: Int, targets: Bool, into target: UnsafeMutableRawPointer) {
    let first = start(row) + (targets ? 1 : 0)
    texts.store(first..<first + length, into: target)
  }
}

/// One part of a corpus as rows: the windows, or what follows each of their ids.
struct CorpusRows: RawRows {
  let corpus: Corpus
  let isTarget: Bool

  var rows: Int { corpus.rows }
  var rowShape: [Int] { [corpus.length] }
  var element: RawElement { .int64 }

  func place(_ row: Int) -> String { "source '\(corpus.name)', window \(row)" }

  func copy(_ row: Int, into target: UnsafeMutableRawPointer) {
    corpus.store(row, targets: isTarget, into: target)
  }
}
