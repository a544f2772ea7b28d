/// How what a head with the loss `ctc` gives is read: `greedy`, or `{beam: N}`.
public enum DecoderConfiguration: Sendable, Equatable {
  /// `greedy`: the most probable output of each step.
  case greedy
  /// `beam{width,lengthBonus}`: the most probable sequence, by a search that keeps `width` prefixes; every
  /// id adds `lengthBonus` to the logarithm of its probability.
  case beam(width: Int, lengthBonus: Double = 0)

  /// The most prefixes that a search may keep.
  public static let mostPrefixes = 4096
}

extension DecoderConfiguration {
  init?(reading value: ValueReader) {
    guard let block = Block(value, sort: "decoder", known: Vocabulary.decoders) else { return nil }
    switch block.name {
    case "beam":
      let map = block.options(Vocabulary.beam, shorthand: "width")
      self = .beam(
        width: map.required("width")?.integer(1...Self.mostPrefixes) ?? 1,
        lengthBonus: map.optional("lengthBonus")?.number(.any) ?? 0)
    default:
      _ = block.options(Vocabulary.greedy)
      self = .greedy
    }
  }

  /// The decoder with its defaults.
  var canonical: CanonicalWriter.Value {
    switch self {
    case .greedy: .text("greedy")
    case .beam(let width, let lengthBonus):
      LayerConfiguration.block(
        "beam", [("width", .number(width)), ("lengthBonus", .number(lengthBonus))])
    }
  }
}
