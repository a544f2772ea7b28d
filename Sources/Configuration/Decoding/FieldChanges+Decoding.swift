extension ComponentChoice {
  /// Reads `{energy: …}` or `{count: …}`.
  init?(reading value: ValueReader?) {
    guard let value else { return nil }
    let map = MapReader(value, Vocabulary.components)
    switch map.exactlyOne(["energy", "count"]) {
    case "energy":
      guard let share = map.optional("energy")?.number(.fraction) else { return nil }
      self = .energy(share)
    case "count":
      guard let count = map.optional("count")?.size(from: 1) else { return nil }
      self = .count(count)
    default: return nil
    }
  }
}

extension SoundNoise {
  /// The most decibels either way; beyond, one of the two is lost in rounding.
  private static let decibels = NumberRange(text: "decibels in -100 ... 100") {
    abs($0) <= 100
  }

  /// Reads `{kind: …, snr: …, seed: …}`.
  init?(reading value: ValueReader?) {
    guard let value else { return nil }
    let map = MapReader(value, Vocabulary.soundNoise)
    let kinds = map.required("kind")?.kinds() ?? []
    let bounds = map.required("snr")?.numbers(Self.decibels) ?? []
    let seed = map.optional("seed")?.seed() ?? 0
    guard (1...2).contains(bounds.count), bounds[0] <= bounds[bounds.count - 1] else {
      if !bounds.isEmpty {
        map.fail("snr", "expected decibels, or [lowest, highest], found \(bounds)")
      }
      return nil
    }
    self.init(kinds: kinds, snr: bounds[0]...bounds[bounds.count - 1], seed: seed)
  }
}

extension ValueReader {
  /// One kind of noise, or a list of different ones.
  fileprivate func kinds() -> [SoundNoise.Kind]? {
    if case .scalar = node.content {
      return choice("kind of noise", of: SoundNoise.Kind.self).map { [$0] }
    }
    guard let elements = elements("a kind of noise or a list of them") else { return nil }
    if elements.isEmpty { fail("expected at least one kind of noise, found an empty list") }
    var seen: [SoundNoise.Kind] = []
    for element in elements {
      guard let kind = element.choice("kind of noise", of: SoundNoise.Kind.self) else { continue }
      if seen.contains(kind) { element.fail("`\(kind.rawValue)` is given twice") }
      seen.append(kind)
    }
    return seen
  }
}
