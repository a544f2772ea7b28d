import Configuration
import Tensors

/// Layers over the steps of sequences, and front-ends of data.
extension FiniteDifferenceTests.Case {
  /// Up to 7 steps of 4 values; one sample has none.
  private static let ragged = MicrobatchField(
    name: "x", sampleShape: [4], element: .float, longest: 7)

  private static func over(
    _ field: MicrobatchField, _ name: String, _ encoder: [LayerConfiguration]
  ) -> Self {
    Self(
      name: name, configuration: network(encoder), fields: [field, labels("y", classes: 3)])
  }

  private static func attention(
    _ heads: Int, causal: Bool = false, dropout: Double = 0, bias: Bool = true
  ) -> LayerConfiguration {
    .attention(AttentionConfiguration(heads: heads, causal: causal, dropout: dropout, bias: bias))
  }

  private static func transformer(
    _ layers: Int, causal: Bool = false, dropout: Double = 0
  ) -> LayerConfiguration {
    .transformer(
      TransformerConfiguration(
        layers: layers, heads: 2, hidden: 5, causal: causal, dropout: dropout))
  }

  /// Layers over sequences of different lengths, of one length, and over samples that may lack one.
  static let sequences: [Self] = [
    over(ragged, "mean of steps", [linear(5), .pool(.mean)]),
    over(ragged, "largest of steps", [linear(5), .pool(.max)]),
    over(ragged, "last step", [linear(5), .pool(.last)]),
    over(ragged, "first step", [linear(5), .pool(.first)]),
    over(
      ragged, "class token",
      [linear(4), .classToken, attention(2), .activation(.tanh), .pool(.first)]),
    over(ragged, "class token first", [.classToken, .pool(.max)]),
    over(values("x", [5, 4]), "class token over one length", [linear(6), .classToken, .flatten]),
    over(
      MicrobatchField(
        name: "x", sampleShape: [4], element: .float, longest: 7, isOptional: true),
      "class token where samples are missing",
      [linear(4), .classToken, attention(1), .pool(.first), linear(3)]),
    over(
      values("x", [5]), "feature tokens",
      [linear(4), .featureTokens(size: 3), .activation(.tanh), .pool(.max)]),
    over(values("x", [5]), "feature tokens first", [.featureTokens(size: 4), attention(2)]),
    over(
      MicrobatchField(name: "x", sampleShape: [5], element: .float, isOptional: true),
      "feature tokens where samples are missing",
      [.featureTokens(size: 4), .classToken, transformer(1), .pool(.first), linear(3)]),
    over(ragged, "attention pool", [linear(5), .pool(.attention)]),
    over(ragged, "attention pool first", [.pool(.attention)]),
    over(values("x", [5, 4]), "pool over one length", [linear(5), .pool(.max), linear(3)]),
    over(
      MicrobatchField(
        name: "x", sampleShape: [4], element: .float, longest: 7, isOptional: true),
      "pool where samples are missing", [linear(5), .pool(.attention), linear(3)]),
    over(
      ragged, "learned positions",
      [linear(5), .positional(.learned(length: 9)), linear(4), .pool(.max)]),
    over(ragged, "learned positions first", [.positional(.learned(length: 7)), .pool(.mean)]),
    over(
      ragged, "sinusoidal positions",
      [linear(5), .positional(.sinusoidal), .activation(.tanh), .pool(.mean)]),
    over(ragged, "attention", [linear(6), attention(2), .activation(.tanh), .pool(.mean)]),
    over(ragged, "attention first", [attention(4, bias: false), .pool(.max)]),
    over(
      ragged, "causal attention with dropout",
      [linear(6), attention(3, causal: true, dropout: 0.3), .pool(.last)]),
    over(values("x", [5, 4]), "attention over one length", [linear(6), attention(2)]),
    over(
      values("x", [5, 4]), "residual of attention",
      [linear(6), .residual(layers: [.layerNorm(epsilon: 1e-5), attention(2)], shortcut: [])]),
    over(ragged, "transformer", [transformer(2), .layerNorm(epsilon: 1e-5), .pool(.mean)]),
    over(
      ragged, "causal transformer with dropout",
      [
        linear(6), .positional(.sinusoidal), transformer(1, causal: true, dropout: 0.2),
        .pool(.last),
      ]),
    over(values("x", [5, 4]), "transformer over one length", [transformer(1)]),
    over(
      values("x", [4, 3, 2]), "rows of an image",
      [conv(2, 1), .toSequence(.row), attention(2), .pool(.mean)]),
    over(
      values("x", [4, 3, 2]), "pixels of an image",
      [conv(4, 1), .toSequence(.pixel), .positional(.learned(length: 12)), .pool(.attention)]),
    over(
      MicrobatchField(name: "x", sampleShape: [], element: .integer, classes: 6, longest: 8),
      "dropped tokens",
      [.embedding(vocabulary: 6, size: 4), .tokenDropout(rate: 0.3), attention(1), .pool(.mean)]),
  ]

  /// What is done to data: each pass of a step sees the same.
  static let frontEnds: [Self] = [
    over(
      MicrobatchField(name: "x", sampleShape: [], element: .float, longest: 900), "sound",
      [
        .frontEnd(.noise(least: 5, most: 15)),
        .frontEnd(.mfcc(FilterBankConfiguration(rate: 8000, bins: 8), coefficients: 5, lifter: 22)),
        .frontEnd(.deltas(order: 1)), .frontEnd(.cmvn),
        .frontEnd(.specAugment(SpecAugmentConfiguration())), linear(4), .pool(.mean),
      ]),
    over(
      MicrobatchField(name: "x", sampleShape: [], element: .float, longest: 900), "coded sound",
      [
        .frontEnd(.g711(.init(law: .mu))),
        .frontEnd(.linearPrediction(.init(rate: 8000, order: 6, output: .reflections))),
        .frontEnd(.cmvn), linear(4), .pool(.mean),
      ]),
    over(
      values("x", [400]), "sound of one length",
      [.frontEnd(.fbank(FilterBankConfiguration(rate: 8000, bins: 6))), linear(4)]),
    over(
      values("x", [6, 5, 2]), "pictures",
      [
        .frontEnd(.flip), .frontEnd(.randomCrop(padding: 2)), .frontEnd(.cutout(size: 3)),
        conv(3, 3),
      ]),
    over(
      MicrobatchField(name: "x", sampleShape: [6, 5], element: .float, isOptional: true),
      "pictures that may be missing", [.frontEnd(.flip), conv(3, 3), .flatten, linear(3)]),
  ]
}
