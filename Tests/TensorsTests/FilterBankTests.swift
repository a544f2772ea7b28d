import Foundation
import Tensors
import TestSupport
import Testing

/// FBANK, MFCC, slopes and normalisation of sound.
@Suite("Sound features")
struct FilterBankTests {
  typealias Settings = FilterBank.Settings

  static let settings: [Settings] = [
    Settings(rate: 8000, frame: 200, shift: 80, bins: 23, low: 20, high: 4000),
    Settings(
      rate: 8000, frame: 200, shift: 80, bins: 23, low: 20, high: 4000, coefficients: 13),
    Settings(
      rate: 8000, frame: 256, shift: 300, bins: 15, low: 100, high: 3500, scale: 1,
      coefficients: 15, lifter: 0),
    Settings(rate: 16_000, frame: 400, shift: 160, bins: 40, low: 0, high: 8000),
    Settings(rate: 8000, frame: 31, shift: 10, bins: 4, low: 20, high: 4000, coefficients: 2),
  ]

  /// The features of packed utterances.
  private func compute(_ bank: FilterBank, _ values: GuardedFloats, _ lengths: [Int]) -> [Float] {
    let frames = AttentionBench.offsets(lengths.map(bank.frames(of:)))
    let output = GuardedFloats(frames[lengths.count] * bank.settings.width)
    let scratch = GuardedFloats(bank.scratchCount)
    bank.compute(
      samples: lengths.count, valueOffsets: AttentionBench.offsets(lengths), frameOffsets: frames,
      values: values.pointer, output: output.base, scratch: scratch.base)
    return output.array
  }

  @Test("Packed features equal the recipe step by step in every build", arguments: settings)
  func recipe(settings: Settings) throws {
    let bank = FilterBank(settings)
    // 150 frames, more than are worked on at a time; none; exactly one; almost one; empty.
    let (l, h) = (settings.frame, settings.shift)
    let lengths = [l + 149 * h + h / 2, 0, l, l - 1, l + 5 * h]
    let values = GuardedFloats(random: lengths.reduce(0, +), seed: 1)
    // A constant part ten times louder than the rest costs little accuracy.
    for index in 0..<values.count { values.base[index] = 0.05 * values.base[index] + 0.5 }
    var expected: [Double] = []
    for (n, length) in lengths.enumerated() {
      let first = AttentionBench.offsets(lengths)[n]
      let part = values.array[first..<first + length].map(Double.init)
      expected += Reference.features(part, settings).flatMap { $0 }
    }
    #expect(lengths.map(bank.frames(of:)) == [150, 0, 1, 0, 6])
    try onEachBuild { build in
      let found = compute(bank, values, lengths)
      #expect(found.count == expected.count)
      let worst = zip(found, expected).reduce(0.0) { max($0, abs(Double($1.0) - $1.1)) }
      #expect(worst <= 1e-3, "\(build) \(worst)")
    }
  }

  @Test(
    "Features of a recording are Kaldi's",
    .enabled(if: DataFolder.has("fsdd"), "set AIMASS_DATA to the folder of raw datasets"),
    .enabled(if: Python.has("numpy"), "Python is missing"))
  func kaldi() throws {
    let script = """
      import sys, tarfile, wave
      with tarfile.open(sys.argv[1]) as tar:
        sound = wave.open(tar.extractfile("recordings/0_jackson_0.wav"))
        sys.stdout.write(" ".join(str(int.from_bytes(b, "little", signed=True))
          for data in [sound.readframes(10**6)] for b in zip(data[::2], data[1::2])))
      """
    let archive = try #require(DataFolder.file("fsdd/fsdd-recordings.tar.gz"))
    let sound = try Python.run(script, [archive]).split(separator: " ").compactMap { Float($0) }
    try #require(sound.count == 5148 && sound[..<4] == [-369, -431, -475, -543])
    let values = GuardedFloats(sound.count)
    for (index, value) in sound.enumerated() { values.base[index] = value / 32_768 }
    try onEachBuild { build in
      let mfcc = compute(FilterBank(Self.settings[1]), values, [sound.count])
      #expect(mfcc.count == 62 * 13)
      for (frame, golden) in [(0, Self.first), (10, Self.tenth)] {
        for (k, value) in golden.enumerated() {
          #expect(abs(mfcc[frame * 13 + k] - value) <= 2e-4, "\(build), frame \(frame), \(k)")
        }
      }
      var settings = Self.settings[0]
      settings.bins = 40
      let energies = compute(FilterBank(settings), values, [sound.count])
      for (k, value) in Self.energies {
        #expect(abs(energies[k] - value) <= 2e-4, "\(build), filter \(k)")
      }
      let mean = energies.reduce(0.0) { $0 + Double($1) } / Double(energies.count)
      #expect(abs(mean - 17.239017) <= 1e-5, "\(build)")
    }
  }

  // kaldi-native-fbank without dither and energy: 23 filters and 13 cepstra; 40 filters.
  private static let first: [Float] = [
    74.1854, 20.2426, 7.2224, 2.5928, -36.9895, -15.583, -9.4721, -1.7777, -13.1555, -1.5923,
    40.7502, -21.6455, 8.6811,
  ]
  private static let tenth: [Float] = [
    84.9638, -0.8996, 26.4382, -2.538, -25.949, -19.6826, -7.2159, -23.9978, -20.2063, 9.3372,
    13.8528, -7.133, 17.9991,
  ]
  private static let energies: [(Int, Float)] = [
    (0, 12.6153), (1, 15.6593), (2, 16.7973), (3, 15.8962), (4, 17.0736), (5, 17.592),
    (6, 18.0424), (7, 19.9423), (36, 10.9815), (37, 10.5918), (38, 12.1834), (39, 13.6473),
  ]

  @Test("Logarithms are within two units in the last place in every build")
  func logarithms() throws {
    let x = (0...40_000).map { Float(exp2(Double($0 - 20_000) / 200)) }
    try onEachBuild { build in
      var y = x + [.infinity, .nan, 0, -1]
      Kernels.logarithms(count: y.count, atLeast: .leastNormalMagnitude, values: &y)
      for (input, output) in zip(x, y) {
        let wanted = log(Double(input))
        let bound = 2 * Double(Float(abs(wanted)).ulp)
        #expect(abs(Double(output) - wanted) <= bound, "\(build) \(input)")
      }
      let special = y[x.count...].map { $0 }
      #expect(special[0] == .infinity && special[1].isNaN, "\(build)")
      #expect(special[2] == special[3] && abs(special[2] + 87.3365) < 1e-3, "\(build)")
    }
  }

  @Test("Slopes, and slopes of slopes, repeat the ends, in every build")
  func slopes() throws {
    let lengths = [7, 0, 1, 2, 4]
    let offsets = AttentionBench.offsets(lengths)
    let channels = 3
    let x = GuardedFloats(random: 14 * channels, seed: 2)
    func slope(_ c: [Double]) -> [Double] {
      c.indices.map { t in
        (1...2).reduce(0) {
          $0 + Double($1) * (c[min(t + $1, c.count - 1)] - c[max(t - $1, 0)]) / 10
        }
      }
    }
    try onEachBuild { build in
      let y = GuardedFloats(3 * x.count)
      Kernels.deltas(
        samples: 5, offsets: offsets, channels: channels, order: 2, x: x.pointer, y: y.base)
      for n in lengths.indices {
        for c in 0..<channels {
          let rows = offsets[n]..<offsets[n + 1]
          var expected = rows.map { Double(x.base[$0 * channels + c]) }
          for order in 0...2 {
            let found = rows.map { Double(y.base[($0 * 3 + order) * channels + c]) }
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 2e-7 }, "\(build) \(order)")
            expected = slope(expected)
          }
        }
      }
    }
  }

  @Test("Each utterance and channel gets mean 0 and variance 1, in every build")
  func normalisation() throws {
    let lengths = [9, 0, 1, 40]
    let offsets = AttentionBench.offsets(lengths)
    let channels = 17
    let x = GuardedFloats(random: 50 * channels, seed: 3)
    for index in 0..<x.count { x.base[index] = 4 * x.base[index] + Float(index % channels) }
    try onEachBuild { build in
      let (y, scratch) = (GuardedFloats(x.count), GuardedFloats(4 * channels))
      Kernels.normalizeSteps(
        samples: 4, offsets: offsets, channels: channels, x: x.pointer, y: y.base,
        scratch: scratch.base)
      for n in lengths.indices {
        for c in 0..<channels {
          let rows = offsets[n]..<offsets[n + 1]
          let hat = Reference.normalize(
            rows.map { Double(x.base[$0 * channels + c]) }, gradient: rows.map { _ in 0 },
            epsilon: 1e-5
          ).hat
          let found = rows.map { Double(y.base[$0 * channels + c]) }
          #expect(zip(found, hat).allSatisfy { abs($0 - $1) <= 1e-5 }, "\(build) \(n)")
        }
      }
    }
  }
}
