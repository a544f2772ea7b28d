import Configuration
import Models
import Tensors
import Testing

/// Front-ends inside a model: what they compute, when they act, and what they refuse.
@Suite struct FrontEndTests {
  /// A model whose outputs are what leaves `encoder`, summed over steps where there are several.
  private func bench(
    _ encoder: [LayerConfiguration], _ field: MicrobatchField, outputs: Int
  ) throws -> Bench {
    let configuration = ModelConfiguration(
      modalities: [ModalityConfiguration(name: "x", field: "x", encoder: encoder)],
      heads: [HeadConfiguration(name: "y", layers: [], loss: .meanSquaredError, target: "y")])
    return try Bench(configuration, [field, values("y", [outputs])], capacity: 5)
  }

  private static let sound = MicrobatchField(
    name: "x", sampleShape: [], element: .float, longest: 900)

  @Test func cepstraAreThoseOfTheRecipe() throws {
    let filters = FilterBankConfiguration(rate: 8000, bins: 8, high: 3900)
    let bench = try bench(
      [.frontEnd(.mfcc(filters, coefficients: 5, lifter: 22)), .pool(.mean)], Self.sound,
      outputs: 5)
    bench.evaluate()
    let offsets = bench.microbatch.offsets(0)
    let settings = FilterBank.Settings(
      rate: 8000, frame: 200, shift: 80, bins: 8, low: 20, high: 3900, coefficients: 5)
    var frames = 0
    for sample in 0..<5 {
      let sound = (offsets[sample]..<offsets[sample + 1]).map {
        Double(bench.microbatch.floats(0)[$0])
      }
      let features = Reference.features(sound, settings)
      frames += features.count
      for k in 0..<5 {
        let mean = features.reduce(0) { $0 + $1[k] } / Double(max(features.count, 1))
        #expect(abs(Double(bench.output()[sample * 5 + k]) - mean) < 1e-3, "sample \(sample)")
      }
    }
    #expect(frames > 5)
  }

  @Test("Coders make of a sound what they make of it alone", arguments: [0, 1, 2, 3, 4])
  func coders(kind: Int) throws {
    let frontEnd: FrontEndConfiguration = [
      .g711(.init(law: .a)), .g711(.init(law: .mu, direction: .encode)),
      .linearPrediction(.init(rate: 8000, order: 4, output: .residual)),
      .linearPrediction(.init(rate: 8000, order: 4, output: .decoded(bits: 3))),
      .linearPrediction(.init(rate: 8000, order: 4, output: .reflections)),
    ][kind]
    let width = kind == 4 ? 5 : 1
    let bench = try bench([.frontEnd(frontEnd), .pool(.mean)], Self.sound, outputs: width)
    bench.evaluate()
    let prediction = LinearPrediction(.init(frame: 200, shift: 80, order: 4))
    var scratch = [Double](repeating: 0, count: prediction.scratchCount)
    for sample in 0..<5 {
      let range = bench.microbatch.offsets(0)[sample]..<bench.microbatch.offsets(0)[sample + 1]
      let x = range.map { bench.microbatch.floats(0)[$0] }
      let frames = prediction.frames(of: x.count)
      var y = [Float](repeating: 0, count: kind == 4 ? frames * 5 : x.count)
      let ends = [0, x.count]
      switch kind {
      case 0: G711(.a).pass(count: x.count, scale: 32_768, x: x, y: &y)
      case 1: G711(.mu).encode(count: x.count, scale: 32_768, x: x, y: &y)
      case 2:
        prediction.residual(samples: 1, offsets: ends, values: x, output: &y, scratch: &scratch)
      case 3:
        prediction.code(
          samples: 1, offsets: ends, bits: 3, values: x, output: &y, scratch: &scratch)
      default:
        prediction.analyze(
          samples: 1, valueOffsets: ends, frameOffsets: [0, frames], form: .reflections, values: x,
          output: &y, scratch: &scratch)
      }
      for channel in 0..<width {
        let rows = y.count / width
        let sum = (0..<rows).reduce(0.0) { $0 + Double(y[$1 * width + channel]) }
        let mean = sum / Double(max(1, rows))
        let found = Double(bench.output()[sample * width + channel])
        #expect(abs(found - mean) <= 1e-4 * max(1, abs(mean)), "sample \(sample)")
      }
    }
  }

  @Test(
    "Augmentation acts when training, anew each step, and not when evaluating",
    arguments: [
      FrontEndConfiguration.flip, .randomCrop(padding: 2), .cutout(size: 3),
      .noise(least: 0, most: 3), .specAugment(SpecAugmentConfiguration(timeFraction: 1)),
    ])
  func augmentation(frontEnd: FrontEndConfiguration) throws {
    let isPicture = [.flip, .randomCrop(padding: 2), .cutout(size: 3)].contains(frontEnd)
    let field = isPicture ? values("x", [6, 5, 2]) : values("x", [60])
    let bench = try bench([.frontEnd(frontEnd), .flatten], field, outputs: 60)
    bench.evaluate()
    let original = (0..<300).map { bench.microbatch.floats(0)[$0] }
    #expect(bench.output() == original)
    bench.train(step: 1)
    let first = bench.output()
    bench.train(step: 2)
    let second = bench.output()
    #expect(first != original && second != original && first != second)
    bench.train(step: 1)
    #expect(bench.output() == first)
  }

  @Test func tokensAreDroppedWhole() throws {
    let bench = try bench(
      [.tokenDropout(rate: 0.5), .flatten], values("x", [12, 5]), outputs: 60)
    bench.evaluate()
    let original = bench.output()
    bench.train(step: 1)
    let output = bench.output()
    var kept = 0
    for row in 0..<60 {
      let places = row * 5..<row * 5 + 5
      let isKept = output[places.lowerBound] != 0
      kept += isKept ? 1 : 0
      for place in places { #expect(output[place] == (isKept ? 2 * original[place] : 0)) }
    }
    #expect(kept > 10 && kept < 50)
  }

  @Test func theMatricesOfAFilterBankArePlannedFor() throws {
    let filters = FilterBankConfiguration(rate: 8000, bins: 8, high: 3900)
    let bench = try bench(
      [.frontEnd(.mfcc(filters, coefficients: 5, lifter: 22)), .pool(.mean)], Self.sound,
      outputs: 5)
    // 200 values to real and imaginary parts of 128 bins, those to 8 filters, those to 5 cepstra.
    #expect(bench.model.tableBytes == 4 * (200 * 2 * 128 + 128 * 8 + 8 * 5))
  }

  private func message(_ encoder: [LayerConfiguration], _ field: MicrobatchField) -> String {
    do {
      _ = try Model(
        network(encoder), fields: [field, labels("y", classes: 3)], capacity: 2, seed: 0)
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  private static let filters = FilterBankConfiguration(rate: 8000, bins: 40)
  private static let steps = MicrobatchField(
    name: "x", sampleShape: [4], element: .float, longest: 9)
  private static let heads = AttentionConfiguration(heads: 3)
  private static let misfits: [([LayerConfiguration], MicrobatchField, String)] = [
    (
      [.frontEnd(.fbank(filters))], steps,
      "modalities.x.0: fbank expected a sound of one channel, found [T, 4]"
    ),
    (
      [linear(1), .frontEnd(.cmvn)], steps,
      "modalities.x.1: cmvn expected data, found the output of layers with parameters; put it "
        + "before them"
    ),
    (
      [.frontEnd(.flip)], steps,
      "modalities.x.0: flip expected images [H, W, C], found [T, 4]"
    ),
    (
      [.frontEnd(.noise(least: 1, most: 2))], steps,
      "modalities.x.0: noise expected a sound of one channel, found [T, 4]"
    ),
    (
      [.frontEnd(.linearPrediction(.init(rate: 8000)))], steps,
      "modalities.x.0: linearPrediction expected a sound of one channel, found [T, 4]"
    ),
    (
      [.frontEnd(.linearPrediction(.init(rate: 8000, order: 16, frameMilliseconds: 2)))], sound,
      "modalities.x.0: expected linearPrediction order below the 16 values of a frame, found 16.0"
    ),
    (
      [.attention(heads)], steps,
      "modalities.x.0: attention expected heads that divide its 4 channels, found 3; "
        + "change them, or give a headSize"
    ),
    (
      [.positional(.learned(length: 8))], steps,
      "modalities.x.0: expected a positional length of at least 9, the longest sequence, found 8"
    ),
    (
      [.toSequence(.row)], steps,
      "modalities.x.0: toSequence expected an image [H, W, C], found [T, 4]"
    ),
    (
      [.pool(.mean)], values("x", [4, 4, 2]),
      "modalities.x.0: pool expected a sequence [T, C], found [4, 4, 2]; put toSequence before it"
    ),
    (
      [.frontEnd(.fbank(filters))],
      MicrobatchField(name: "x", sampleShape: [], element: .float, longest: 199),
      "modalities.x.0: fbank expected a sequence at least as long as its window, found a window "
        + "of 200 over at most 199 steps; use a smaller window or fewer poolings"
    ),
    (
      [.frontEnd(.fbank(FilterBankConfiguration(rate: 8000, bins: 40, frameMilliseconds: 1025)))],
      sound,
      "modalities.x.0: expected fbank frame of 2 to 8192 values, found 8200.0"
    ),
    (
      [.frontEnd(.fbank(FilterBankConfiguration(rate: 8000, bins: 8193)))], sound,
      "modalities.x.0: expected fbank bins in 1 ... 8192, found 8193.0"
    ),
  ]

  @Test func whatDoesNotFitIsSaid() {
    for (encoder, field, text) in Self.misfits { #expect(message(encoder, field) == text) }
  }
}
