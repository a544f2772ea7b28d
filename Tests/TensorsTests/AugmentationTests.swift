import Foundation
import Tensors
import Testing

/// Changes of samples: what they do, and that they depend on sample number and step alone.
@Suite("Augmentation")
struct AugmentationTests {
  /// Runs `body` with keys of `numbers` at `step`.
  private func key<Result>(
    _ numbers: [Int64], step: Int = 3, _ body: (PassRandom) throws -> Result
  ) throws -> Result {
    try numbers.withUnsafeBufferPointer {
      try body(
        PassRandom(
          seed: 9, path: 8, step: step, sampleNumbers: try #require($0.baseAddress)))
    }
  }

  @Test("A spectrogram loses whole runs of channels and steps, no more than allowed")
  func masks() throws {
    let (channels, steps, samples) = (20, 30, 200)
    let offsets = (0...samples).map { $0 * steps }
    let x = [Float](repeating: 1, count: samples * steps * channels)
    let masks = SpectrogramMasks(
      channelMasks: 1, channelWidth: 5, stepMasks: 1, stepWidth: 12, stepFraction: 0.2)
    let y = try key((0..<samples).map(Int64.init)) { random in
      var y = [Float](repeating: .nan, count: x.count)
      Kernels.maskSpectrogram(
        samples: samples, offsets: offsets, channels: channels, masks: masks, random: random, x: x,
        y: &y)
      return y
    }
    var hidden: (channels: Set<Int>, steps: Set<Int>, places: Set<Int>) = ([], [], [])
    for n in 0..<samples {
      let cell = { (t: Int, c: Int) in y[(n * steps + t) * channels + c] }
      let lostSteps = (0..<steps).filter { t in (0..<channels).allSatisfy { cell(t, $0) == 0 } }
      let lost = (0..<channels).filter { c in (0..<steps).allSatisfy { cell($0, c) == 0 } }
      #expect(lost.count <= 5 && lostSteps.count <= 6)
      #expect(lost.isEmpty || lost.count == (lost.last ?? 0) - lost[0] + 1)
      #expect(lostSteps.isEmpty || lostSteps.count == (lostSteps.last ?? 0) - lostSteps[0] + 1)
      for t in 0..<steps {
        for c in 0..<channels where !lost.contains(c) && !lostSteps.contains(t) {
          #expect(cell(t, c) == 1)
        }
      }
      hidden.channels.insert(lost.count)
      hidden.steps.insert(lostSteps.count)
      hidden.places.formUnion(lost)
    }
    #expect(hidden.channels == Set(0...5) && hidden.steps == Set(0...6))
    #expect(hidden.places == Set(0..<channels))
  }

  @Test("Noise is normal, of the wanted power, and the same in every build to rounding")
  func noise() throws {
    let count = 50_000
    let x = (0..<count).map { 0.1 * sin(Float($0)) }
    let offsets = [0, count, count, 2 * count - 10]
    let all = x + x.dropLast(10)
    var first: [Float] = []
    try onEachBuild { build in
      let y = try key([5, 6, 7]) { random in
        var y = [Float](repeating: .nan, count: all.count)
        Kernels.addNoise(samples: 3, offsets: offsets, snr: 10...10, random: random, x: all, y: &y)
        return y
      }
      if first.isEmpty { first = y }
      let differ = zip(first, y).filter { abs($0 - $1) > 1e-6 }.count
      #expect(differ == 0, "\(build)")
      let added = (0..<count).map { Double(y[$0] - all[$0]) }
      // Ten decibels below a power of 0.005.
      let deviation = 0.0005.squareRoot()
      let moments = (1...4).map { k in
        added.reduce(0) { $0 + pow($1 / deviation, Double(k)) } / Double(count)
      }
      let error = 1 / Double(count).squareRoot()
      #expect(abs(moments[0]) < 5 * error && abs(moments[1] - 1) < 5 * 2.squareRoot() * error)
      #expect(abs(moments[2]) < 5 * 15.squareRoot() * error)
      #expect(abs(moments[3] - 3) < 5 * 96.squareRoot() * error, "\(build)")
      let lag = zip(added, added.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 } / Double(count)
      #expect(abs(lag) / (deviation * deviation) < 5 * error, "\(build)")
      let other = (0..<100).map { y[count + $0] - all[count + $0] }
      let equal = zip(other, added).filter { Double($0) == $1 }.count
      #expect(equal == 0, "\(build)")
    }
  }

  @Test("Each normal number is Box and Muller's of its counter, in every build")
  func normalNumbers() throws {
    let x = [Float](repeating: 1, count: 200)
    try onEachBuild { build in
      let y = try key([5]) { random in
        var y = x
        Kernels.addNoise(samples: 1, offsets: [0, 200], snr: 0...0, random: random, x: x, y: &y)
        return y
      }
      for index in 0..<200 {
        let words = Philox4x32.block(
          counter: (UInt32(16 + index / 4), 5, 8, 3),
          key: (9, RandomPurpose.augmentation.rawValue &* 0x9E37_79B9))
        let (first, second) =
          index % 4 < 2 ? (words.0, words.1) : (words.2, words.3)
        let radius = (-2 * log((Double(first >> 8) + 0.5) * 0x1p-24)).squareRoot()
        let angle = 2 * Double.pi * Double(second >> 8) * 0x1p-24
        let expected = radius * (index % 2 == 0 ? cos(angle) : sin(angle))
        #expect(abs(Double(y[index]) - 1 - expected) <= 2e-6, "\(build) \(index)")
      }
    }
  }

  @Test("Ratios of signal to noise fill their range")
  func ratios() throws {
    let (count, samples) = (4_000, 60)
    let x = (0..<count * samples).map { sin(Float($0)) }
    let found = try key((0..<samples).map(Int64.init)) { random in
      var y = x
      let offsets = (0...samples).map { $0 * count }
      Kernels.addNoise(
        samples: samples, offsets: offsets, snr: -5...10, random: random, x: x, y: &y)
      return (0..<samples).map { n in
        let places = n * count..<(n + 1) * count
        let signal = places.reduce(0.0) { $0 + Double(x[$1] * x[$1]) }
        return 10 * log10(signal / places.reduce(0.0) { $0 + pow(Double(y[$1] - x[$1]), 2) })
      }
    }
    let (least, most) = (found.min() ?? 0, found.max() ?? 0)
    #expect(least > -5.5 && least < -3 && most > 8 && most < 10.5)
  }

  /// Images whose values name their sample, row, column and channel.
  private static let extents = (samples: 300, height: 4, width: 5, channels: 2)
  private static let images = (0..<300 * 40).map { Float($0 + 1) }

  private func augmented(
    _ body: (UnsafePointer<Float>, UnsafeMutablePointer<Float>, PassRandom) -> Void
  ) throws -> [Float] {
    try key((0..<300).map(Int64.init)) { random in
      var y = [Float](repeating: .nan, count: Self.images.count)
      Self.images.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          guard let x = x.baseAddress, let y = y.baseAddress else { return }
          body(x, y, random)
        }
      }
      return y
    }
  }

  @Test("About half of the images are mirrored, the others left")
  func flips() throws {
    let e = Self.extents
    let y = try augmented {
      Kernels.flip(
        samples: e.samples, height: e.height, width: e.width, channels: e.channels, random: $2,
        x: $0, y: $1)
    }
    var mirrored = 0
    for n in 0..<e.samples {
      let image = Array(Self.images[n * 40..<(n + 1) * 40])
      let flipped = (0..<40).map { index in
        let column = 4 - index % 10 / 2
        return image[index / 10 * 10 + column * 2 + index % 2]
      }
      let found = Array(y[n * 40..<(n + 1) * 40])
      #expect(found == image || found == flipped)
      mirrored += found == flipped ? 1 : 0
    }
    #expect((110...190).contains(mirrored))
  }

  /// Image n moved up and left, with zeros where nothing comes from.
  private static func shifted(_ n: Int, down: Int, right: Int) -> [Float] {
    (0..<40).map { index -> Float in
      let row = index / 10 + down
      let column = index % 10 / 2 + right
      guard row >= 0, row < 4, column >= 0, column < 5 else { return 0 }
      return images[n * 40 + row * 10 + column * 2 + index % 2]
    }
  }

  @Test("Crops are shifted images with zeros around, at every place", arguments: [0, 2, 7])
  func crops(padding: Int) throws {
    let e = Self.extents
    let y = try augmented {
      Kernels.crop(
        samples: e.samples, height: e.height, width: e.width, channels: e.channels,
        padding: padding, random: $2, x: $0, y: $1)
    }
    let shifts = -padding...padding
    var seen: Set<[Int]> = []
    for n in 0..<e.samples {
      let found = Array(y[n * 40..<(n + 1) * 40])
      let match = shifts.flatMap { down in shifts.map { [down, $0] } }.first {
        found == Self.shifted(n, down: $0[0], right: $0[1])
      }
      #expect(match != nil, "image \(n)")
      seen.insert(match ?? [])
    }
    // With 7, most shifts leave nothing to see.
    #expect(
      seen.count == (2 * padding + 1) * (2 * padding + 1) || (padding == 7 && seen.count > 30))
  }

  /// Image n without the pixels next to pixel `centre`.
  private static func holed(_ n: Int, around centre: Int) -> [Float] {
    (0..<40).map { index -> Float in
      let down = abs(index / 10 - centre / 5)
      let right = abs(index % 10 / 2 - centre % 5)
      return down <= 1 && right <= 1 ? 0 : images[n * 40 + index]
    }
  }

  @Test("A square is cut out around any pixel")
  func cutouts() throws {
    let e = Self.extents
    let y = try augmented {
      Kernels.cutout(
        samples: e.samples, height: e.height, width: e.width, channels: e.channels, size: 3,
        random: $2, x: $0, y: $1)
    }
    var seen: Set<Int> = []
    for n in 0..<e.samples {
      let found = Array(y[n * 40..<(n + 1) * 40])
      let match = (0..<20).first { found == Self.holed(n, around: $0) }
      #expect(match != nil, "image \(n)")
      seen.insert(match ?? -1)
    }
    #expect(seen == Set(0..<20))
  }

  @Test("What happens to a sample depends on its number and the step, not on its neighbours")
  func keyed() throws {
    let x = (0..<120).map { Float($0 % 40 + 1) }
    let run = { (numbers: [Int64], step: Int) -> [[Float]] in
      try key(numbers, step: step) { random in
        var y = [Float](repeating: 0, count: x.count)
        Kernels.crop(
          samples: 3, height: 4, width: 5, channels: 2, padding: 3, random: random, x: x, y: &y)
        return (0..<3).map { Array(y[$0 * 40..<($0 + 1) * 40]) }
      }
    }
    let (a, b, later) = (try run([4, 5, 6], 1), try run([6, 9, 4], 1), try run([4, 5, 6], 2))
    #expect(a[0] == b[2] && a[2] == b[0])
    #expect(a != later)
  }
}
