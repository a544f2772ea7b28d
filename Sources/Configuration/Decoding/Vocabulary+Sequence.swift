extension Vocabulary {
  /// Layers over the steps of sequences.
  static let stepwise = [
    pool, positional, attention, transformer, toSequence, featureTokens, classToken, tokenDropout,
  ]
  static let pool = KeySection("layer pool", ["kind"])
  static let positional = KeySection("layer positional", ["kind", "length"])
  static let attention = KeySection(
    "layer attention", ["heads", "headSize", "causal", "dropout", "bias"])
  static let transformer = KeySection(
    "layer transformer",
    ["layers", "heads", "headSize", "hidden", "causal", "dropout", "activation"])
  static let toSequence = KeySection("layer toSequence", ["by"])
  static let featureTokens = KeySection("layer featureTokens", ["size"])
  static let classToken = KeySection("layer classToken", [])
  static let tokenDropout = KeySection("layer tokenDropout", ["rate"])

  /// What is done to the data before the first layer with parameters.
  static let frontEnds = [
    fbank, mfcc, linearPrediction, g711, deltas, cmvn, specAugment, noise, flip, randomCrop, cutout,
  ]
  static let fbank = KeySection(
    "layer fbank",
    ["rate", "bins", "frameMilliseconds", "shiftMilliseconds", "low", "high", "scale"])
  static let mfcc = KeySection("layer mfcc", fbank.keys + ["coefficients", "lifter"])
  static let linearPrediction = KeySection(
    "layer linearPrediction",
    ["rate", "order", "frameMilliseconds", "shiftMilliseconds", "scale", "output", "bits"])
  static let g711 = KeySection("layer g711", ["law", "direction", "scale"])
  static let deltas = KeySection("layer deltas", ["order"])
  static let cmvn = KeySection("layer cmvn", [])
  static let specAugment = KeySection(
    "layer specAugment",
    ["frequencyMasks", "frequencyWidth", "timeMasks", "timeWidth", "timeFraction"])
  static let noise = KeySection("layer noise", ["snr"])
  static let flip = KeySection("layer flip", [])
  static let randomCrop = KeySection("layer randomCrop", ["padding"])
  static let cutout = KeySection("layer cutout", ["size"])
}
