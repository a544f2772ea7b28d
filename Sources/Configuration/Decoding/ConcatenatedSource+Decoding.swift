extension ConcatenatedSource {
  /// Reads a source of concatenated clips.
  init(reading map: MapReader) {
    self.init(
      source: map.required("concatenated")?.text("a source's name") ?? "",
      conditions: map.optional("where").map { RecipeCondition.list(reading: $0) } ?? [],
      same: map.optional("same")?.distinctPart() ?? [], clips: Self.clips(map.required("clips")),
      silenceMilliseconds: Self.silence(map.optional("silenceMilliseconds")),
      samples: map.required("samples")?.integer(1...1_000_000_000) ?? 1,
      seed: map.optional("seed")?.seed() ?? 0)
  }

  private static func clips(_ value: ValueReader?) -> ClosedRange<Int> {
    value?.leastAndMost("whole number of clips", "[1, 5]") { $0.integer(1...mostClips) } ?? 1...1
  }

  private static func silence(_ value: ValueReader?) -> ClosedRange<Double> {
    let range = NumberRange(text: "a number in 0 ... \(Int(mostMilliseconds))") {
      $0 >= 0 && $0 <= mostMilliseconds
    }
    return value?.leastAndMost("number of milliseconds", "[50, 200]") { $0.number(range) } ?? 0...0
  }

  /// What names the source's clips: it is a source of sounds, and conditions ask no other.
  func check(_ value: ValueReader, _ sources: [RecipeSource]) {
    guard let base = sources.first(where: { $0.name == source }) else {
      value.descend(["concatenated"])?.fail(
        Spelling.unknown("source", source, known: sources.map(\.name)))
      return
    }
    if case .files(let files) = base.kind, files.content == .sounds {
    } else {
      value.descend(["concatenated"])?.fail("expected a source of `sounds`, found `\(source)`")
    }
    for condition in conditions where condition.source != source {
      value.descend(["where"])?.fail(
        "asks the clips of `\(source)` only, found `\(condition.source).\(condition.part)`")
    }
  }
}

extension ValueReader {
  /// One value, or the least and the most of a range as a list of two.
  func leastAndMost<Bound>(
    _ what: String, _ example: String, _ read: (ValueReader) -> Bound?
  ) -> ClosedRange<Bound>? {
    guard case .list = node.content else { return read(self).map { $0...$0 } }
    guard let bounds = elements(), bounds.count == 2 else {
      fail("expected one \(what), or the least and the most as in \(example)")
      return nil
    }
    guard let least = read(bounds[0]), let most = read(bounds[1]) else { return nil }
    guard least <= most else {
      fail("expected the least before the most as in \(example), found \(least) and \(most)")
      return nil
    }
    return least...most
  }

  /// One name of a part, or a list of distinct ones.
  fileprivate func distinctPart() -> [String]? {
    if case .scalar = node.content { return text("a part's name").map { [$0] } }
    return distinctTexts("names of parts")
  }
}
