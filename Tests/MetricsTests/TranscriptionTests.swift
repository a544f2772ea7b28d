import Configuration
import Metrics
import Testing

/// What transcriptions spell, and how far that is from the truth.
struct TranscriptionTests {
  private func texts(_ words: [String]) -> TokenTexts { TokenTexts(words.map { Array($0.utf8) }) }

  @Test func textsTellWhatIdsAre() {
    #expect(texts(["0", "1", "é"]).text([1, 0, 2, 1]) == "10é1")
    #expect(texts(["<unk>", "a", " ", "b"]).text([1, 2, 3, 0]) == "a b<unk>")
    #expect(texts(["<unk>", "one", "two"]).text([1, 2, 1]) == "one two one")
    #expect(texts(["a", "bc"]).text([0, 0, 1]) == "a a bc")
    #expect(texts(["a"]).text([Int64]()) == "")
    #expect(texts(["a", "bc"]).text([0, 7]) == "a 7")
    // Pieces of words begin with the bytes, and may be parts of characters.
    let bytes = (0..<256).map { [UInt8($0)] } + [Array(" th".utf8), Array("é".utf8).dropLast()]
    #expect(TokenTexts(bytes).text([97, 256, 257, 0xA9]) == "a thé")
    #expect(TokenTexts(bytes).text([0xC3]) == "\u{FFFD}")
  }

  @Test func errorsOfTokensCharactersAndWords() {
    var errors = TranscriptionErrors()
    let words = texts(["one", "six", "two"])
    errors.add([0, 1], truth: [0, 2, 1], texts: words)
    errors.add([2], truth: [1], texts: words)
    #expect((errors.tokens.edits, errors.tokens.length) == (2, 4))
    #expect(errors.words == errors.tokens)
    // "one six" for "one two six", and "two" for "six".
    #expect((errors.characters.edits, errors.characters.length) == (4 + 3, 11 + 3))
    var characters = TranscriptionErrors()
    let letters = texts(["a", "b", " "])
    characters.add([0, 2, 1, 1], truth: [0, 2, 1], texts: letters)
    #expect(characters.characters == characters.tokens)
    #expect((characters.words.edits, characters.words.length) == (1, 2))
    characters.infeasible = 3
    characters.merge(errors)
    #expect((characters.words.length, characters.infeasible) == (6, 3))
    var plain = TranscriptionErrors()
    plain.add([1], truth: [1, 2], texts: nil)
    #expect((plain.tokens.edits, plain.characters.length) == (1, 0))
  }

  private func measure(_ metrics: [MetricName], spells: Bool) throws -> EvaluationResult {
    let head = MetricHead(
      name: "text", kind: .transcription(outputs: 4), lossName: "ctc", spells: spells)
    let partials = try (0..<2).map { rank -> [UInt8] in
      let accumulator = try MetricAccumulator(heads: [head], metrics: metrics)
      var errors = TranscriptionErrors()
      errors.add([Int64(rank), 2], truth: [1, 2], texts: texts(["one", "six", "two"]))
      errors.infeasible = 2 * rank
      accumulator.add(head: 0, microbatch: rank, count: 1, errors: errors, loss: 1, weight: 1)
      return accumulator.encode()
    }
    return try MetricAccumulator.merge(partials, heads: [head], metrics: metrics)
  }

  @Test func countsOfAllRanksAreAdded() throws {
    let metrics: [MetricName] = [.tokenErrorRate, .characterErrorRate, .wordErrorRate]
    let result = try measure(metrics, spells: true)
    #expect(
      result.named.map(\.name) == [
        "loss", "tokenErrorRate", "characterErrorRate", "wordErrorRate", "infeasibleSamples",
      ])
    #expect(result.named.dropFirst().map(\.value) == [0.25, 3.0 / 14, 0.25, 2])
    #expect(result.json(split: "test").contains(#""infeasibleSamples": 2"#))
  }

  @Test func idsWithoutTextsHaveNoCharacters() throws {
    #expect(try measure([], spells: false).named.count == 3)
    let error = #expect(throws: MetricError.self) {
      try measure([.wordErrorRate], spells: false)
    }
    #expect(error?.code == .unfitting)
  }
}
