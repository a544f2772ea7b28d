import Foundation
import Tensors
import TestSupport
import Testing

/// G.711 and linear prediction.
struct AudioCoderTests {
  private static let laws: [G711.Law] = [.mu, .a]

  @Test(
    "All 65,536 amplitudes and 256 codes are those of libsndfile",
    .enabled(if: Python.has("numpy", "soundfile"), "python3 with soundfile is missing"),
    arguments: laws)
  func codesAreThoseOfAnotherProgram(law: G711.Law) throws {
    let said = try Python.run(
      """
      import io, sys, numpy as np, soundfile
      x = np.arange(-32768, 32768).astype('i2')
      f = io.BytesIO()
      soundfile.write(f, x, 8000, format='RAW', subtype=sys.argv[1])
      codes = f.getvalue()
      y, _ = soundfile.read(io.BytesIO(bytes(range(256))), dtype='int16', channels=1, samplerate=8000,
                            format='RAW', subtype=sys.argv[1])
      print(*codes); print(*y)
      """, [law == .mu ? "ULAW" : "ALAW"])
    let lines = said.split(separator: "\n").map { $0.split(separator: " ").compactMap { Int($0) } }
    let coder = G711(law)
    #expect((-32768...32767).map { Int(coder.code(Int16($0))) } == lines[0])
    #expect((0...255).map { Int(coder.amplitude(UInt8($0))) } == lines[1])
  }

  @Test("Codes come back, and amplitudes to half a step", arguments: laws)
  func roundTrip(law: G711.Law) {
    let coder = G711(law)
    for code in UInt8.min...UInt8.max {
      let amplitude = coder.amplitude(code)
      // μ-law has two zeros.
      if amplitude != 0 || code == 0xFF { #expect(coder.code(amplitude) == code) }
    }
    let levels = Set((0...255).map { Int(coder.amplitude(UInt8($0))) }).sorted()
    for amplitude in stride(from: levels[0], through: levels[levels.count - 1], by: 7) {
      let found = Int(coder.amplitude(coder.code(Int16(amplitude))))
      let above = levels.firstIndex { $0 >= amplitude } ?? levels.count - 1
      // Never further than the nearest two levels.
      #expect([levels[above], levels[max(0, above - 1)]].contains(found), "\(amplitude)")
      #expect(abs(found - amplitude) <= (abs(amplitude) + 132) / 32 + 8, "\(amplitude)")
    }
    #expect(coder.amplitude(coder.code(32767)) == (law == .mu ? 32124 : 32256))
    #expect(coder.amplitude(coder.code(-32768)) == (law == .mu ? -32124 : -32256))
  }

  @Test func valuesAreScaledRoundedAndCutOff() {
    let coder = G711(.mu)
    let x: [Float] = [0, 1, -1, 2, 0.25, -0.0001, .nan]
    var codes = [Float](repeating: -1, count: x.count)
    coder.encode(count: x.count, scale: 32_768, x: x, y: &codes)
    let wanted = [0, 32767, -32768, 32767, 8192, -3, 0].map { Float(coder.code($0)) }
    #expect(codes == wanted)
    var decoded = [Float](repeating: 0, count: x.count)
    coder.decode(count: x.count, scale: 32_768, x: codes, y: &decoded)
    var passed = decoded
    coder.pass(count: x.count, scale: 32_768, x: x, y: &passed)
    #expect(decoded == passed)
    #expect(decoded[1] == 32124 / 32768 && abs(decoded[4] - 0.25) < 0.01)
  }

  /// A sound out of white noise and two resonances.
  private func sound(_ count: Int, seed: UInt64) -> GuardedFloats {
    let sound = GuardedFloats(random: count, seed: seed)
    for n in 0..<count {
      let before = n > 0 ? sound.base[n - 1] : 0
      let second = n > 1 ? sound.base[n - 2] : 0
      sound.base[n] = 0.02 * sound.base[n] + 1.5 * before - 0.8 * second
    }
    return sound
  }

  private let settings = LinearPrediction.Settings(frame: 200, shift: 80, order: 12)

  private func analyze(
    _ prediction: LinearPrediction, _ values: GuardedFloats, _ lengths: [Int],
    _ form: LinearPrediction.Form = .coefficients
  ) -> [Float] {
    let frames = AttentionBench.offsets(lengths.map(prediction.frames(of:)))
    let output = GuardedFloats(frames[lengths.count] * prediction.settings.width)
    withScratch(prediction) {
      prediction.analyze(
        samples: lengths.count, valueOffsets: AttentionBench.offsets(lengths),
        frameOffsets: frames, form: form, values: values.pointer, output: output.base, scratch: $0)
    }
    return output.array
  }

  private func withScratch(
    _ prediction: LinearPrediction, _ body: (UnsafeMutablePointer<Double>) -> Void
  ) {
    let scratch = GuardedFloats(2 * prediction.scratchCount)
    scratch.base.withMemoryRebound(to: Double.self, capacity: prediction.scratchCount, body)
  }

  @Test(
    "Coefficients, reflections and gains are those of SciPy",
    .enabled(if: Python.has("numpy", "scipy"), "python3 with scipy is missing"))
  func coefficientsAreThoseOfAnotherProgram() throws {
    let lengths = [1000, 0, 199, 200, 531]
    let values = sound(lengths.reduce(0, +), seed: 3)
    let folder = try TemporaryFolder()
    let file = folder.file("values")
    try values.array.withUnsafeBytes { Data($0) }.write(to: URL(filePath: file))
    let said = try Python.run(
      """
      import sys, numpy as np
      from scipy.linalg import solve_toeplitz
      x, p = np.fromfile(sys.argv[1], 'f4').astype('f8'), 12
      start, rows = 0, []
      for n in map(int, sys.argv[2:]):
          for t in range(0, n - 199, 80):
              f = 32768 * x[start + t:start + t + 200] * np.hamming(200)
              r = np.correlate(f, f, 'full')[199:199 + p + 1]
              a = solve_toeplitz(r[:p], r[1:])
              gain = 0.5 * np.log(r[0] - a @ r[1:])
              k = [solve_toeplitz(r[:i], r[1:i + 1])[-1] for i in range(1, p + 1)]
              rows.append([*a, gain, *k, gain])
          start += n
      np.array(rows).tofile(sys.argv[1]); print(len(rows))
      """, [file] + lengths.map(String.init))
    let wanted = try Data(contentsOf: URL(filePath: file)).withUnsafeBytes {
      Array($0.bindMemory(to: Double.self))
    }
    let prediction = LinearPrediction(settings)
    let found = analyze(prediction, values, lengths)
    let reflections = analyze(prediction, values, lengths, .reflections)
    #expect(said == "17\n" && found.count == 17 * 13)
    for frame in 0..<17 {
      for place in 0..<13 {
        let (a, k) = (found[frame * 13 + place], reflections[frame * 13 + place])
        #expect(abs(Double(a) - wanted[frame * 26 + place]) < 2e-6 * max(1, abs(Double(a))))
        #expect(abs(Double(k) - wanted[frame * 26 + 13 + place]) < 2e-6 * max(1, abs(Double(k))))
        if place < 12 { #expect(abs(k) < 1) }
      }
    }
  }

  @Test func errorsAndCoefficientsGiveTheSoundBack() {
    let prediction = LinearPrediction(settings)
    let lengths = [700, 0, 150, 200, 447]
    let offsets = AttentionBench.offsets(lengths)
    let values = sound(offsets[5], seed: 7)
    let residual = GuardedFloats(values.count)
    withScratch(prediction) {
      prediction.residual(
        samples: 5, offsets: offsets, values: values.pointer, output: residual.base, scratch: $0)
    }
    // Too short for a frame: its own error.
    #expect(Array(residual.array[700..<850]) == Array(values.array[700..<850]))
    let energy = { (x: ArraySlice<Float>) in x.reduce(0.0) { $0 + Double($1) * Double($1) } }
    #expect(energy(residual.array[..<700]) < 0.2 * energy(values.array[..<700]))
    let rows = analyze(prediction, values, lengths)
    let frames = AttentionBench.offsets(lengths.map(prediction.frames(of:)))
    for sample in 0..<5 {
      let restored = GuardedFloats(max(1, lengths[sample]))
      prediction.synthesize(
        count: lengths[sample], frames: frames[sample + 1] - frames[sample],
        coefficients: Array(rows[(frames[sample] * 13)...]), width: 13,
        residual: residual.pointer + offsets[sample], output: restored.base)
      for place in 0..<lengths[sample] {
        #expect(abs(restored.array[place] - values.array[offsets[sample] + place]) < 1e-5)
      }
    }
  }

  @Test func everyBitOfTheCoderHalvesTheError() {
    let prediction = LinearPrediction(settings)
    let offsets = [0, 900, 1500]
    let values = sound(1500, seed: 5)
    func coded(_ bits: Int) -> [Float] {
      let output = GuardedFloats(1500)
      withScratch(prediction) {
        prediction.code(
          samples: 2, offsets: offsets, bits: bits, values: values.pointer, output: output.base,
          scratch: $0)
      }
      return output.array
    }
    func distance(_ bits: Int) -> Double {
      zip(coded(bits), values.array).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
    }
    for bits in 3..<10 {
      let ratio = distance(bits) / distance(bits + 1)
      #expect((2.5...6).contains(ratio), "\(bits): \(ratio)")
    }
    // The error of a value is at most half a step: 4 deviations by 2^bits, and a deviation is below 0.02.
    let worst = zip(coded(8), values.array).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(worst <= 0.02 * 4 / 256 && worst > 0.001 * 4 / 256)
  }

  @Test func silenceAndPureTonesAreSolved() {
    let prediction = LinearPrediction(settings)
    let silence = GuardedFloats(300)
    silence.base.update(repeating: 0, count: 300)
    let rows = analyze(prediction, silence, [300])
    #expect(rows.count == 26 && rows[..<12].allSatisfy { $0 == 0 })
    #expect(abs(rows[12] - 0.5 * Float(log(0x1p-23))) < 1e-6)
    // r_k = cos(k) is predicted without an error by two coefficients, 2 cos(1) and −1.
    let correlation = (0...12).map { cos(Double($0)) }
    var (a, k, scratch) = (
      [Double](repeating: 9, count: 12), [Double](repeating: 9, count: 12),
      [Double](repeating: 0, count: 12)
    )
    let energy = LinearPrediction.levinsonDurbin(
      order: 12, correlation: correlation, coefficients: &a, reflections: &k, scratch: &scratch)
    #expect(abs(a[0] - 2 * cos(1)) < 1e-12 && abs(a[1] + 1) < 1e-12 && energy < 1e-12)
    #expect(a[2...].allSatisfy { $0 == 0 } && k[2...].allSatisfy { $0 == 0 })
  }
}
