import Glibc

/// Synthetic samples of ten classes with a picture, a sound and a few numbers, drawn from a seed.
///
/// Sample n depends on (seed, n) alone. In each modality some classes are drawn from one and the same
/// distribution, so no model can tell them apart there, however good it is (classes are equally
/// frequent; a group of two is guessed right half the time):
///
/// | modality | classes that share a distribution | best possible accuracy |
/// |---|---|---|
/// | image | 1/7, 3/8, 6/9 | 70 % |
/// | sound | 1/7, 0/5, 3/4, 2/8 | 60 % |
/// | table | 6/9, 0/5, 1/2, 3/7, 4/8 | 50 % |
/// | image and sound | 1/7 | 90 % |
/// | image and table | 6/9 | 90 % |
/// | sound and table | 0/5 | 90 % |
/// | all three | none | 100 %, less what noise hides |
struct Glyphs: Sendable {
  /// Keys all randomness.
  let seed: UInt64
  /// The number of the first sample in the endless series.
  let first: Int
  /// S: how many samples there are.
  let samples: Int

  /// Classes whose pictures are drawn alike.
  static let imagePairs = [[1, 7], [3, 8], [6, 9]]
  /// Classes by the sound they share.
  static let soundGroups = [[1, 7], [0, 5], [3, 4], [2, 8], [6], [9]]
  /// Classes by the table they share.
  static let tableGroups = [[6, 9], [0, 5], [1, 2], [3, 7], [4, 8]]
  /// Height and width of a picture.
  static let side = 20
  /// T: numbers in a sound.
  static let soundLength = 256
  /// The columns of the table.
  static let columns = ["length", "mass", "ratio", "tilt", "count", "age"]

  /// The class of a sample, `0 ... 9`, each with probability 1/10.
  func label(_ sample: Int) -> Int {
    Int(GlyphDraws(seed: seed, sample: sample, part: .label).uniform(0) * 10)
  }

  /// The number of the group that holds a class.
  static func group(_ label: Int, of groups: [[Int]]) -> Int {
    groups.firstIndex { $0.contains(label) } ?? 0
  }

  /// Draws the numbers of a sample: three tell the groups apart, the rest say little or nothing.
  func table(_ sample: Int) -> [Float] {
    let draws = GlyphDraws(seed: seed, sample: sample, part: .table)
    let group = Glyphs.group(label(sample), of: Glyphs.tableGroups)
    let level = { (levels: [Double]) in levels[group] }
    return [
      12 + 3 * level([0, 1, 2, 3, 4]) + 1.2 * draws.normal(0),
      exp(1 + 0.5 * level([2, 4, 1, 3, 0]) + 0.2 * draws.normal(1)),
      0.1 * level([1, 3, 0, 4, 2]) + 0.04 * draws.normal(2),
      draws.uniform(3, -90, 90),
      max(0, (6 + level([0, 1, 0, 1, 0]) + 2 * draws.normal(4)).rounded()),
      40 + 12 * draws.normal(5),
    ].map { Float($0) }
  }

  /// Draws the sound of a sample: a chord of two partials or a sweep, with noise.
  ///
  /// - Parameters:
  ///   - sample: its number.
  ///   - target: T numbers.
  func sound(_ sample: Int, into target: UnsafeMutablePointer<Float>) {
    let draws = GlyphDraws(seed: seed, sample: sample, part: .sound)
    let group = Glyphs.group(label(sample), of: Glyphs.soundGroups)
    // Cycles in the whole length; a pair is a chord, the two sweeps go from the first to the second.
    let pitches = [(8.0, 12.0), (20, 30), (44, 66), (8, 60), (60, 8), (90, 105)][group]
    let isSweep = group == 3 || group == 4
    let gain = draws.uniform(0, 0.5, 1)
    let decay = draws.uniform(1, 0, 2)
    let first = pitches.0 * draws.uniform(2, 0.97, 1.03)
    let second = pitches.1 * draws.uniform(3, 0.97, 1.03)
    let phases = (draws.uniform(4, 0, 2 * .pi), draws.uniform(5, 0, 2 * .pi))
    let amplitudes = (draws.uniform(6, 0.5, 1), draws.uniform(7, 0.5, 1))
    for index in 0..<Glyphs.soundLength {
      let time = Double(index) / Double(Glyphs.soundLength)
      let tone: Double
      if isSweep {
        let turns = first * time + (second - first) * time * time / 2
        tone = amplitudes.0 * sin(2 * .pi * turns + phases.0)
      } else {
        tone =
          amplitudes.0 * sin(2 * .pi * first * time + phases.0)
          + amplitudes.1 * sin(2 * .pi * second * time + phases.1)
      }
      target[index] = Float(gain * exp(-decay * time) * tone + 0.3 * draws.normal(16 + index))
    }
  }
}

/// One part of all samples of a source.
struct GlyphRows: RawRows {
  let glyphs: Glyphs
  let part: GlyphPart

  var rows: Int { glyphs.samples }

  var rowShape: [Int] {
    switch part {
    case .image: [Glyphs.side, Glyphs.side, 1]
    case .sound: [Glyphs.soundLength]
    case .table: [Glyphs.columns.count]
    case .label: []
    }
  }

  var element: RawElement {
    switch part {
    case .image: .uint8
    case .sound, .table: .float32
    case .label: .int64
    }
  }

  var columnNames: [String]? { part == .table ? Glyphs.columns : nil }

  func place(_ row: Int) -> String { "synthetic glyphs, sample \(glyphs.first + row)" }

  func copy(_ row: Int, into target: UnsafeMutableRawPointer) {
    let sample = glyphs.first + row
    switch part {
    case .image: glyphs.image(sample, into: target.assumingMemoryBound(to: UInt8.self))
    case .sound: glyphs.sound(sample, into: target.assumingMemoryBound(to: Float.self))
    case .table:
      let numbers = target.assumingMemoryBound(to: Float.self)
      for (index, number) in glyphs.table(sample).enumerated() { numbers[index] = number }
    case .label: target.storeBytes(of: Int64(glyphs.label(sample)), as: Int64.self)
    }
  }
}
