extension LayerConfiguration {
  /// The options of a layer over the steps of sequences, with its name.
  var stepwiseCanonical: CanonicalWriter.Value? {
    switch self {
    case .pool(let kind): Self.block("pool", [("kind", .text(kind.rawValue))])
    case .positional(.sinusoidal): Self.block("positional", [("kind", .text("sinusoidal"))])
    case .positional(.learned(let length)):
      Self.block("positional", [("kind", .text("learned")), ("length", .number(length))])
    case .attention(let attention): Self.block("attention", attention.canonical)
    case .transformer(let blocks): Self.block("transformer", blocks.canonical)
    case .toSequence(let order): Self.block("toSequence", [("by", .text(order.rawValue))])
    case .featureTokens(let size): Self.block("featureTokens", [("size", .number(size))])
    case .classToken: .text("classToken")
    case .tokenDropout(let rate): Self.block("tokenDropout", [("rate", .number(rate))])
    case .frontEnd(let frontEnd): frontEnd.canonical
    default: nil
    }
  }
}

extension AttentionConfiguration {
  fileprivate var canonical: [(String, CanonicalWriter.Value)] {
    [("heads", .number(heads))]
      + (headSize.map { [("headSize", .number($0))] } ?? [])
      + [
        ("causal", .flag(causal)), ("dropout", .number(dropout)), ("bias", .flag(bias)),
      ]
  }
}

extension TransformerConfiguration {
  fileprivate var canonical: [(String, CanonicalWriter.Value)] {
    [("layers", .number(layers)), ("heads", .number(heads))]
      + (headSize.map { [("headSize", .number($0))] } ?? [])
      + (hidden.map { [("hidden", .number($0))] } ?? [])
      + [
        ("causal", .flag(causal)), ("dropout", .number(dropout)),
        ("activation", .text(activation.rawValue)),
      ]
  }
}

extension FrontEndConfiguration {
  fileprivate var canonical: CanonicalWriter.Value {
    switch self {
    case .fbank(let filters): LayerConfiguration.block("fbank", filters.canonical)
    case .mfcc(let filters, let coefficients, let lifter):
      LayerConfiguration.block(
        "mfcc",
        filters.canonical + [("coefficients", .number(coefficients)), ("lifter", .number(lifter))])
    case .g711(let coder): LayerConfiguration.block("g711", coder.canonical)
    case .linearPrediction(let prediction):
      LayerConfiguration.block("linearPrediction", prediction.canonical)
    case .deltas(let order): LayerConfiguration.block("deltas", [("order", .number(order))])
    case .cmvn: .text("cmvn")
    case .specAugment(let masks): LayerConfiguration.block("specAugment", masks.canonical)
    case .noise(let least, let most):
      LayerConfiguration.block("noise", [("snr", .numbers([least, most]))])
    case .flip: .text("flip")
    case .randomCrop(let padding):
      LayerConfiguration.block("randomCrop", [("padding", .number(padding))])
    case .cutout(let size): LayerConfiguration.block("cutout", [("size", .number(size))])
    }
  }
}

extension FilterBankConfiguration {
  fileprivate var canonical: [(String, CanonicalWriter.Value)] {
    [
      ("rate", .number(rate)), ("bins", .number(bins)),
      ("frameMilliseconds", .number(frameMilliseconds)),
      ("shiftMilliseconds", .number(shiftMilliseconds)), ("low", .number(low)),
    ] + (high.map { [("high", .number($0))] } ?? []) + [("scale", .number(scale))]
  }
}

extension SpecAugmentConfiguration {
  fileprivate var canonical: [(String, CanonicalWriter.Value)] {
    [
      ("frequencyMasks", .number(frequencyMasks)), ("frequencyWidth", .number(frequencyWidth)),
      ("timeMasks", .number(timeMasks)), ("timeWidth", .number(timeWidth)),
      ("timeFraction", .number(timeFraction)),
    ]
  }
}
