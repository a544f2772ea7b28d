extension FrontEndConfiguration {
  /// Front-ends of sound and pictures.
  init?(_ block: Block) {
    switch block.name {
    case "fbank":
      self = .fbank(FilterBankConfiguration(reading: block.options(Vocabulary.fbank), bins: 40))
    case "mfcc": self = Self.mfcc(block.options(Vocabulary.mfcc))
    case "g711":
      self = .g711(
        G711Configuration(reading: block.options(Vocabulary.g711, shorthand: "law")))
    case "linearPrediction":
      self = .linearPrediction(
        LinearPredictionConfiguration(reading: block.options(Vocabulary.linearPrediction)))
    case "deltas":
      let map = block.options(Vocabulary.deltas, shorthand: "order")
      self = .deltas(order: map.optional("order")?.integer(1...4) ?? 2)
    case "cmvn":
      _ = block.options(Vocabulary.cmvn)
      self = .cmvn
    case "specAugment":
      self = .specAugment(SpecAugmentConfiguration(reading: block.options(Vocabulary.specAugment)))
    case "noise":
      self = Self.noise(block.options(Vocabulary.noise, shorthand: "snr"))
    case "flip":
      _ = block.options(Vocabulary.flip)
      self = .flip
    case "randomCrop":
      let map = block.options(Vocabulary.randomCrop, shorthand: "padding")
      self = .randomCrop(padding: map.required("padding")?.size(from: 1) ?? 1)
    case "cutout":
      let map = block.options(Vocabulary.cutout, shorthand: "size")
      self = .cutout(size: map.required("size")?.size(from: 1) ?? 1)
    default: return nil
    }
  }

  private static func mfcc(_ map: MapReader) -> FrontEndConfiguration {
    let filters = FilterBankConfiguration(reading: map, bins: 23)
    let coefficients = map.optional("coefficients")?.size(from: 1) ?? min(13, filters.bins)
    if coefficients > filters.bins {
      map.fail(
        "coefficients",
        "expected at most as many coefficients as bins, \(filters.bins), found \(coefficients)")
    }
    return .mfcc(
      filters, coefficients: coefficients,
      lifter: map.optional("lifter")?.number(.nonNegative) ?? 22)
  }

  /// One number of decibels, or the least and the most.
  private static func noise(_ map: MapReader) -> FrontEndConfiguration {
    let range = map.required("snr")?.leastAndMost("number", "[5, 20]") { $0.number(.any) }
    return .noise(least: range?.lowerBound ?? 0, most: range?.upperBound ?? 0)
  }
}

extension FilterBankConfiguration {
  fileprivate init(reading map: MapReader, bins: Int) {
    self.init(
      rate: map.required("rate")?.integer(1...10_000_000) ?? 8000,
      bins: map.optional("bins")?.integer(1...4096) ?? bins,
      frameMilliseconds: map.optional("frameMilliseconds")?.number(.positive) ?? 25,
      shiftMilliseconds: map.optional("shiftMilliseconds")?.number(.positive) ?? 10,
      low: map.optional("low")?.number(.nonNegative) ?? 20,
      high: map.optional("high")?.number(.positive),
      scale: map.optional("scale")?.number(.positive) ?? 32_768)
    let half = Double(rate) / 2
    if let high, high > half {
      map.fail("high", "expected at most half of the rate, \(half) Hz, found \(high)")
    }
    if low >= high ?? half {
      map.fail(
        map.has("low") ? "low" : "rate",
        "expected low below high, found \(low) and \(high ?? half) Hz")
    }
  }
}

extension SpecAugmentConfiguration {
  fileprivate init(reading map: MapReader) {
    self.init(
      frequencyMasks: map.optional("frequencyMasks")?.integer(0...64) ?? 2,
      frequencyWidth: map.optional("frequencyWidth")?.size(from: 1) ?? 8,
      timeMasks: map.optional("timeMasks")?.integer(0...64) ?? 2,
      timeWidth: map.optional("timeWidth")?.size(from: 1) ?? 20,
      timeFraction: map.optional("timeFraction")?.number(.unit) ?? 0.2)
  }
}
