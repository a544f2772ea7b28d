import Configuration
import Foundation
import Preparation
import Testing

/// The synthetic problem: what a sample depends on, and what it does not tell.
@Suite struct GlyphTests {
  private let parts = ["image", "sound", "table", "label"]

  private func draw(_ bench: Workbench, samples: Int, seed: UInt64 = 7, first: Int = 0) throws {
    try bench.prepare(
      recipe(
        [("a", .glyphs(samples: samples, seed: seed, first: first))],
        train: parts.map { ($0, "a.\($0)") },
        fields: [
          ("image", .image(.init(normalize: false))),
          ("sound", .value(shape: nil, normalize: false)),
          ("table", .table(.init(standardize: false))),
          ("label", .label(.init(classes: (0..<10).map(String.init)))),
        ]))
  }

  @Test func dependsOnSeedAndNumberAlone() throws {
    let bench = try Workbench()
    try draw(bench, samples: 30)
    let sound = try bench.floats("train/sound")
    let image = try bench.bytes("train/image")
    let table = try bench.floats("train/table")
    #expect(try bench.dataset("train/image").shape == [30, 20, 20, 1])
    try draw(bench, samples: 12, first: 18)
    #expect(try bench.floats("train/sound") == Array(sound[(18 * 256)...]))
    #expect(try bench.bytes("train/image") == Array(image[(18 * 400)...]))
    #expect(try bench.floats("train/table") == Array(table[(18 * 6)...]))
    try draw(bench, samples: 12, seed: 8, first: 18)
    #expect(try bench.floats("train/sound") != Array(sound[(18 * 256)...]))
  }

  /// Classes of one distribution have equal means up to chance; all others differ far more.
  @Test func hidesClassesBehindOneAnother() throws {
    let bench = try Workbench()
    try draw(bench, samples: 4000)
    let labels = try bench.labels("train/label")
    let image = try bench.bytes("train/image").map(Float.init)
    let sound = try bench.floats("train/sound")
    let table = try bench.floats("train/table")
    let spectra = labels.indices.flatMap { spectrum(sound[($0 * 256)..<($0 * 256 + 256)]) }
    check(labels, image, alike: [[1, 7], [3, 8], [6, 9]])
    check(labels, spectra, alike: [[1, 7], [0, 5], [3, 4], [2, 8]])
    check(labels, table, alike: [[6, 9], [0, 5], [1, 2], [3, 7], [4, 8]])
  }

  /// Compares the means of classes, number by number, by the scatter of their difference.
  private func check(
    _ labels: [Int64], _ numbers: [Float], alike: [[Int]]
  ) {
    let width = numbers.count / labels.count
    var sums = [[Double]](repeating: Array(repeating: 0, count: width), count: 10)
    var squares = sums
    var counts = [Double](repeating: 0, count: 10)
    for (sample, label) in labels.enumerated() {
      counts[Int(label)] += 1
      for place in 0..<width {
        let number = Double(numbers[sample * width + place])
        sums[Int(label)][place] += number
        squares[Int(label)][place] += number * number
      }
    }
    for one in 0..<10 {
      for other in 0..<one {
        var largest = 0.0
        for place in 0..<width {
          let means = [one, other].map { sums[$0][place] / counts[$0] }
          let errors = zip([one, other], means).map { label, mean in
            max(1e-9, squares[label][place] / counts[label] - mean * mean) / counts[label]
          }
          largest = max(largest, abs(means[0] - means[1]) / errors.reduce(0, +).squareRoot())
        }
        if alike.contains(where: { Set($0) == [one, other] }) {
          #expect(largest < 5, "\(one) and \(other) differ")
        } else {
          #expect(largest > 6, "\(one) and \(other) look alike")
        }
      }
    }
  }

  /// The power of both halves of a sound at every fourth pitch, so that sweeps show their direction.
  private func spectrum(_ sound: ArraySlice<Float>) -> [Float] {
    let start = sound.startIndex
    return [0, 128].flatMap { half in
      stride(from: 8, through: 108, by: 4).map { pitch in
        var (real, imaginary) = (0.0, 0.0)
        for index in half..<(half + 128) {
          let angle = 2 * Double.pi * Double(pitch * index) / 256
          real += Double(sound[start + index]) * cos(angle)
          imaginary += Double(sound[start + index]) * sin(angle)
        }
        return Float(real * real + imaginary * imaginary)
      }
    }
  }
}
