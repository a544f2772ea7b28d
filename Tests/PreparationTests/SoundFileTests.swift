import Configuration
import Foundation
import HDF5
import Preparation
import Testing

/// What amplitudes become.
struct SoundFileTests {
  /// Prepares sounds that are given by name.
  @discardableResult
  private func prepare(
    _ bench: Workbench, _ sounds: [(String, [UInt8])], _ field: SoundField
  ) throws -> PreparationSummary {
    for (name, bytes) in sounds { try bench.write("s/\(name).wav", bytes) }
    return try bench.prepare(
      recipe(
        [("s", files(.sounds, .folder("s")))], train: [("x", "s")], fields: [("x", .sound(field))]))
  }

  @Test func soundsOfUnequalLength() throws {
    let bench = try Workbench()
    let summary = try prepare(
      bench, [("a", wav(raw([0, 1, -32768] as [Int16]))), ("b", wav(raw([16384] as [Int16])))],
      .init())
    #expect(try bench.floats("train/x/values") == [0, 1 / 32768, -1, 0.5])
    #expect(try bench.labels("train/x/offsets") == [0, 3, 4])
    #expect(summary.fields[0].isRagged && summary.fields[0].element == "float32")
    let group = try HDF5File(reading: bench.output).root.group("train/x")
    #expect(try group.attribute("rate")?.asInteger == 8000)
    #expect(try group.attribute("axes")?.asText == "ST")
    #expect(try group.attribute("modality")?.asText == "sound")
  }

  @Test func oneLengthByCuttingAndFilling() throws {
    let bench = try Workbench()
    let sounds = [("a", wav(raw([1, 2, 3, 4] as [Int16]))), ("b", wav(raw([5] as [Int16])))]
    let summary = try prepare(bench, sounds, .init(length: .frames(3), scale: .int16))
    let values: [Int16] = try bench.dataset("train/x").readAll()
    #expect(values == [1, 2, 3, 5, 0, 0])
    #expect(summary.fields[0].sampleShape == [3] && summary.fields[0].element == "int16")
    try prepare(bench, sounds, .init(length: .seconds(0.00025), scale: .int16))
    #expect(try bench.dataset("train/x").shape == [2, 2])
  }

  @Test func channelsAreAveragedAndDepthsKept() throws {
    let bench = try Workbench()
    let four: [UInt8] = [0, 128, 255, 129]
    try prepare(
      bench,
      [
        ("a", wav(raw([100, 200, -5, 6] as [Int16]), channels: 2)), ("b", wav(four, bits: 8)),
        ("c", wav([0xFF, 0xFF, 0x7F, 0, 0, 0x80], bits: 24)),
        ("d", wav(raw([0.25, -3] as [Float]), bits: 32, format: 3)),
      ], .init())
    let found = try bench.floats("train/x/values")
    var wanted: [Float] = [150.0 / 32768, 0.5 / 32768]
    wanted += [-1, 0, 127.0 / 128, 1.0 / 128]
    wanted += [8_388_607.0 / 8_388_608, -1, 0.25, -3]
    #expect(found == wanted)
    // Beyond full scale int16 ends.
    try prepare(bench, [], .init(scale: .int16))
    let whole: [Int16] = try bench.dataset("train/x/values").readAll()
    #expect(whole == [150, 0, -32768, 0, 32512, 256, 32767, -32768, 8192, -32768])
  }

  /// A tone of full scale's half.
  private func tone(_ hertz: Double, _ rate: Int, _ count: Int) -> [Double] {
    (0..<count).map { 0.5 * sin(2 * .pi * hertz * Double($0) / Double(rate)) }
  }

  @Test(arguments: [(44100, 16000), (8000, 11025), (16000, 8000), (22050, 48000), (8000, 7999)])
  func tonesKeepTheirTime(from: Int, to: Int) throws {
    let bench = try Workbench()
    let count = from / 4
    let hertz = 0.85 * Double(min(from, to)) / 2
    let high = 1.02 * Double(min(from, to)) / 2
    var sounds: [(String, [UInt8])] = []
    for (name, hertz) in [("a", hertz), ("b", high)] where hertz < Double(from) / 2 {
      let floats = tone(hertz, from, count).map { Float($0) }
      sounds.append((name, wav(raw(floats), rate: UInt32(from), bits: 32, format: 3)))
    }
    try prepare(bench, sounds, .init(rate: to))
    let values = try bench.floats("train/x/values").map(Double.init)
    let ends = try bench.labels("train/x/offsets").map(Int.init)
    #expect(ends[1] == (count * to + from - 1) / from)
    // Away from the ends, where the sound begins and stops.
    let inner = ends[1] / 4..<ends[1] * 3 / 4
    let wanted = tone(hertz, to, ends[1])
    let worst = inner.map { abs(values[$0] - wanted[$0]) }.max() ?? 1
    #expect(worst < 0.5e-4, "\(worst)")
    guard ends.count == 3 else { return }
    // Above the new Nyquist frequency nothing is left.
    let rest = inner.map { abs(values[ends[1] + $0]) }.max() ?? 1
    #expect(rest < 1e-5, "\(rest)")
  }

  @Test func ratesMustAgreeOrBeMade() throws {
    let bench = try Workbench()
    try bench.write("s/a.wav", wav(raw([1] as [Int16])))
    try bench.write("s/b.wav", wav(raw([1] as [Int16]), rate: 191_999))
    func message(_ field: SoundField, _ code: PreparationError.Code = .badData) throws -> String {
      try bench.failure(
        recipe(
          [("s", files(.sounds, .folder("s")))], train: [("x", "s")], fields: [("x", .sound(field))]
        ),
        code: code)
    }
    #expect(
      try message(.init())
        == "source 's': b.wav: has 191999 samples a second, files before it 8000; set 'rate' of field 'x'"
    )
    #expect(
      try message(.init(rate: 192_000)).contains("b.wav: 191999 samples a second cannot be turned"))
    #expect(
      try message(.init(rate: 8000, length: .seconds(1e-9)), .badRecipe).contains(
        "1e-09 seconds are 0.0"))
    let value = recipe(
      [("s", files(.sounds, .folder("s")))], train: [("x", "s")],
      fields: [("x", .value(shape: nil, normalize: false))])
    #expect(try bench.failure(value, code: .badRecipe).contains("its parts are path"))
  }
}
