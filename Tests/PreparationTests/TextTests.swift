import Configuration
import Datasets
import Foundation
import HDF5
import Preparation
import TestSupport
import Testing

/// Texts, their vocabularies and their windows.
@Suite struct TextTests {
  private func recipe(
    _ tokens: TokenConfiguration, maxLength: Int? = nil, badLines: BadLines = .skip
  ) -> RecipeConfiguration {
    makeRecipe(
      [("lines", .text(paths: ["a.txt"], badLines: badLines, labels: false))],
      train: [("text", "lines")],
      fields: [("text", .text(.init(tokens: tokens, maxLength: maxLength)))])
  }

  private func words(_ bench: Workbench, _ field: String = "text") throws -> [String] {
    let vocabulary = try SampleVocabulary(of: field, in: HDF5File(reading: bench.output).root)
    return vocabulary.words.indices.map(vocabulary.text)
  }

  @Test func countsWordsAndKeepsEmptyDocuments() throws {
    let bench = try Workbench()
    try bench.write("a.txt", "b a, B\r\n\nno-one a \u{e9}a b\n")
    let summary = try bench.prepare(recipe(.words(.init(lowercase: true))))
    // Twice or more by count, then by bytes; equal counts in the order of bytes.
    #expect(try words(bench) == ["<unk>", "b", "a", ",", "-", "no", "one", "\u{e9}a"])
    #expect(try bench.labels("train/text/offsets") == [0, 4, 4, 10])
    #expect(try bench.labels("train/text/values") == [1, 2, 3, 1, 5, 4, 6, 2, 7, 1])
    #expect(summary.notes.contains("text: 8 ids; 10 tokens in 3 texts"))
  }

  @Test func boundsTheVocabularyAndTheLength() throws {
    let bench = try Workbench()
    try bench.write("a.txt", "a a a b b c\nc c d\n")
    let options = TokenConfiguration.WordOptions(minimumCount: 2, vocabulary: 3)
    let summary = try bench.prepare(recipe(.words(options), maxLength: 4))
    #expect(try words(bench) == ["<unk>", "a", "c"])
    #expect(try bench.labels("train/text/values") == [1, 1, 1, 0, 2, 2, 0])
    #expect(summary.notes.contains("text: 1 texts were cut to 4 ids"))
    #expect(summary.notes.contains("text: 2 tokens are unknown (id 0)"))
    #expect(
      try HDF5File(reading: bench.output).root.group("train/text").attribute("classes")?.asInteger
        == 3)
  }

  @Test func namesLinesThatAreNotUnicode() throws {
    let bench = try Workbench()
    for bytes: [UInt8] in [
      [0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82, 0x41],
      [0xf4, 0x90, 0x80, 0x80],
    ] {
      try bench.write("a.txt", Array("fine\nok ".utf8) + bytes + Array("\nlast".utf8))
      let summary = try bench.prepare(recipe(.characters(minimumCount: 1)))
      #expect(summary.notes[0] == "1 lines are not UTF-8 and were left out: a.txt, line 2, byte 4")
      #expect(try bench.labels("train/text/offsets") == [0, 4, 8])
      try FileManager.default.removeItem(atPath: bench.output)
      let message = try bench.failure(recipe(.characters(minimumCount: 1), badLines: .fail))
      #expect(message.contains("a.txt, line 2, byte 4: not UTF-8"))
    }
    try bench.write("a.txt", "")
    #expect(
      try bench.failure(recipe(.words(.init()))).contains("expected lines of text, found none"))
  }

  @Test func readsLabelsBeforeTheText() throws {
    let bench = try Workbench()
    try bench.write("a.txt", "1 good film\n0 bad\n")
    let lines = RecipeSource.Kind.text(paths: ["a.txt"], badLines: .skip, labels: true)
    let labelled = makeRecipe(
      [("lines", lines)], train: [("text", "lines"), ("label", "lines.label")],
      fields: [("text", .text(.init())), ("label", .label(.init()))])
    try bench.prepare(labelled)
    #expect(try bench.labels("train/label") == [1, 0])
    #expect(try bench.labels("train/text/offsets") == [0, 2, 3])
    try bench.write("a.txt", "1 good film\nbad\n")
    #expect(try bench.failure(labelled).contains("line 2: expected a label, one blank and a text"))
  }

  @Test func hashesRunsOfWords() throws {
    let bench = try Workbench()
    try bench.write("a.txt", "a b\n")
    try bench.prepare(recipe(.hashedNgrams(n: 2, buckets: 1000, .init())))
    func hash(_ text: String) -> Int64 {
      Int64(
        text.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
          % 1000)
    }
    #expect(try bench.labels("train/text/values") == [hash("a"), hash("a b"), hash("b")])
  }

  @Test(.enabled(if: Python.has("h5py", "numpy"), "python3 with numpy and h5py is not installed"))
  func learnsTheBytePairsOfAReference() throws {
    let bench = try Workbench()
    var text = ""
    for index in 0..<400 {
      text +=
        "the cat\u{df} low lower lowest \(index * 7919 % 83)  newer, wider; \u{65e5}\u{672c}\n"
    }
    try bench.write("a.txt", text)
    try bench.prepare(recipe(.bytePairs(vocabulary: 330, lowercase: false)))
    _ = try Python.run(bytePairReference, [bench.folder])
    // Put end to end, the words of the ids are the text.
    let vocabulary = try SampleVocabulary(of: "text", in: HDF5File(reading: bench.output).root)
    let ids = try bench.labels("train/text/values")
    #expect(
      String(decoding: ids.flatMap { vocabulary.words[Int($0)] }, as: UTF8.self)
        == text.replacing("\n", with: ""))
  }

  private func corpus(_ streams: Int, length: Int = 3, share: Double = 0.5) -> RecipeConfiguration {
    makeRecipe(
      [
        (
          "a",
          .corpus(.init(paths: ["a.txt"], share: [0, share], length: length, streams: streams))
        ),
        ("b", .corpus(.init(paths: ["a.txt"], share: [share, 1], streams: streams, like: "a"))),
      ], train: [("ids", "a.inputs"), ("next", "a.targets")],
      test: [("ids", "b.inputs"), ("next", "b.targets")],
      fields: [("ids", .ids), ("next", .ids)])
  }

  @Test func cutsWindowsAndStreams() throws {
    let bench = try Workbench()
    try bench.write("a.txt", "abcdefghij\nzyxabc")  // 17 characters, 8 of them train
    try bench.prepare(corpus(0))
    #expect(try words(bench, "ids") == ["<unk>", "a", "b", "c", "d", "e", "f", "g", "h"])
    #expect(try bench.labels("train/ids") == [1, 2, 3, 4, 5, 6])
    #expect(try bench.labels("train/next") == [2, 3, 4, 5, 6, 7])
    #expect(try bench.labels("test/ids") == [0, 0, 0, 0, 0, 0])
    #expect(try bench.labels("test/next") == [0, 0, 0, 0, 0, 1])
    try bench.write("a.txt", String("abcdefghijklmnopq"))
    try bench.prepare(
      makeRecipe(
        [("a", .corpus(.init(paths: ["a.txt"], length: 2, streams: 2)))],
        train: [("ids", "a.inputs"), ("next", "a.targets")],
        fields: [("ids", .ids), ("next", .ids)]))
    // Each stream has (17 - 1) / (2 * 2) = 4 windows: they begin at a and i; sample n + 2 goes on where sample n ends.
    #expect(
      try bench.labels("train/ids") == [1, 2, 9, 10, 3, 4, 11, 12, 5, 6, 13, 14, 7, 8, 15, 16])
    #expect(try bench.labels("train/next").prefix(4) == [2, 3, 10, 11])
    #expect(try streams(bench, .train) == 2)
  }

  private func streams(_ bench: Workbench, _ role: SplitRole) throws -> Int? {
    let data = try Dataset(DataConfiguration(files: ["out.h5"]), relativeTo: bench.folder)
    return try #require(try data.split(role)).streams
  }

  /// Only where all fields lie in the same streams and none of their windows is missing.
  @Test func tellsItsStreams() throws {
    let bench = try Workbench()
    try bench.write("a.txt", String(repeating: "abcdefgh", count: 12))
    try bench.prepare(corpus(4))
    #expect(try streams(bench, .train) == 4 && streams(bench, .test) == 4)
    try bench.prepare(corpus(0))
    #expect(try streams(bench, .train) == nil && streams(bench, .test) == nil)
    var cut = corpus(4)
    cut.splits[0].limit = 12
    cut.splits[1].limit = 11
    try bench.prepare(cut)
    #expect(try streams(bench, .train) == 4 && streams(bench, .test) == nil)
    var thinned = corpus(4)
    thinned.sources.removeLast()
    thinned.splits[1].origin = .fraction(from: "train", fraction: 0.3, seed: 1)
    try bench.prepare(thinned)
    #expect(try streams(bench, .train) == nil && streams(bench, .test) == nil)
  }

  @Test func refusesACorpusThatIsTooShort() throws {
    let bench = try Workbench()
    try bench.write("a.txt", "abcdef")
    #expect(try bench.failure(corpus(0)).contains("3 ids are too few for one window of 3 ids"))
    try bench.write("a.txt", "")
    #expect(try bench.failure(corpus(0)).contains("0 ids are too few"))
  }

  @Test(arguments: [1, 2, 3])
  func doesNotDependOnTheRanks(ranks: Int) throws {
    let bench = try Workbench()
    var text = ""
    for index in 0..<50 { text += index % 7 == 0 ? "\n" : "word\(index % 11) and \(index)\n" }
    try bench.write("a.txt", text)
    let all: [RecipeConfiguration] = [
      recipe(.words(.init(minimumCount: 2))), recipe(.bytePairs(vocabulary: 300, lowercase: true)),
      corpus(0), corpus(4),
    ]
    for recipe in all {
      let folder = bench.folder
      let alone = try bench.prepare(recipe).digest
      let digests = try onRanks(ranks) { rank, exchange in
        try Preparation(recipe, root: folder, rank: rank, ranks: ranks)
          .run(output: folder + "/ranks.h5", exchange: exchange).digest
      }
      #expect(digests[0] == alone)
      #expect(try bench.read("ranks.h5") == bench.read("out.h5"))
    }
  }
}

/// ``recipe(_:train:test:more:fields:)`` under a name that a suite's own `recipe` does not hide.
private func makeRecipe(
  _ sources: [(String, RecipeSource.Kind)], train: [(String, String)],
  test: [(String, String)]? = nil, fields: [(String, RecipeField.Modality)]
) -> RecipeConfiguration {
  recipe(sources, train: train, test: test, fields: fields)
}

/// Byte pairs as plainly as can be, compared with the file.
private let bytePairReference = """
  import sys, h5py, collections, unicodedata
  def sort(c): return 0 if c.isspace() else 1 if c == '_' or unicodedata.category(c)[0] in 'LNM' else 2
  def pieces(t):
      i = 0
      while i < len(t):
          j, s = i + 1, sort(t[i])
          if s == 0 and j < len(t):
              s = sort(t[j])
              if s: j += 1
          while s and j < len(t) and sort(t[j]) == s: j += 1
          yield t[i:j]; i = j
  def join(w, p, n):
      r, i = [], 0
      while i < len(w):
          if tuple(w[i:i+2]) == p: r.append(n); i += 2
          else: r.append(w[i]); i += 1
      return r
  lines = open(sys.argv[1] + '/a.txt', encoding='utf8').read().split('\\n')[:-1]
  count = collections.Counter(p for l in lines for p in pieces(l))
  words = {p: list(p.encode()) for p in count}
  names, merges = [bytes([i]) for i in range(256)], []
  while len(names) < 330:
      pairs = collections.Counter()
      for p, w in words.items():
          for pair in zip(w, w[1:]): pairs[pair] += count[p]
      best = min(pairs, key=lambda p: (-pairs[p], p), default=None)
      if best is None or pairs[best] < 2: break
      for p in words: words[p] = join(words[p], best, len(names))
      names.append(names[best[0]] + names[best[1]])
  f = h5py.File(sys.argv[1] + '/out.h5', 'r')
  v = f['vocabularies/text']
  o, b = v['offsets'][:], v['bytes'][:].tobytes()
  assert [b[i:j] for i, j in zip(o, o[1:])] == names, len(o)
  ids = [i for l in lines for p in pieces(l) for i in words[p]]
  assert f['train/text/values'][:].tolist() == ids
  """
