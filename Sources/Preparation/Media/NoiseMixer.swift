import Configuration
import Glibc
import Tensors

/// Mixes noise into sounds at a ratio that is drawn for each of them.
///
/// All draws of a sample are a function of the seed, the field, the split with sources and the sample's
/// number: word 0 gives the ratio, word 1 the kind, words 2 + 2k and 3 + 2k the sound and the place of
/// talker k. Amplitudes of noise have a stream of their own.
struct NoiseMixer {
  /// Sounds at once in babble.
  static let talkers = 4
  /// Weights of the filter that makes pink noise: above 1/256 of the rate its power falls as 1/f.
  static let pinkTaps = 256

  private let noise: SoundNoise
  /// For each origin the streams of draws and of amplitudes.
  private let streams: [(draws: UInt32, amplitudes: UInt32)]
  private let pinkFilter: [Double]

  /// A mixer for one field.
  ///
  /// - Parameters:
  ///   - noise: the recipe's options.
  ///   - field: the field's name.
  ///   - splits: the names of the splits with sources, one for each origin.
  init(_ noise: SoundNoise, field: String, splits: [String]) {
    self.noise = noise
    streams = splits.map {
      (pathHash("noise \(field) \($0)"), pathHash("noise amplitudes \(field) \($0)"))
    }
    // (1 - z⁻¹)^(-1/2), the root of an integrator (Kasdin 1995): each weight from the one before it.
    var filter = [1.0]
    for tap in 1..<NoiseMixer.pinkTaps {
      filter.append(filter[tap - 1] * (Double(tap) - 0.5) / Double(tap))
    }
    pinkFilter = filter
  }

  /// Mixes noise into a sound.
  ///
  /// The ratio is that of mean squares over the amplitudes of the sound itself; what fills it up behind
  /// has noise of the same strength. Silence stays silent.
  ///
  /// - Parameters:
  ///   - sound: the amplitudes; those from `extent` on are filling.
  ///   - extent: how many amplitudes are the sound's own.
  ///   - origin: the number of the split that has the sources.
  ///   - row: the sample's number there.
  ///   - babble: gives the amplitudes of another sound by a random word; nil where there is none.
  /// - Throws: what `babble` throws.
  func mix(
    into sound: inout [Double], extent: Int, origin: Int, row: Int,
    _ babble: (UInt32) throws -> [Double]
  ) throws {
    let random = stream(streams[origin].draws, row)
    let width = noise.snr.upperBound - noise.snr.lowerBound
    let decibels = noise.snr.lowerBound + Double(random.uniform(at: 0)) * width
    let kind = noise.kinds[(Int(random.bits(at: 1)) * noise.kinds.count) >> 32]
    let added: [Double] =
      switch kind {
      case .white: white(origin, row, count: sound.count)
      case .pink: pink(origin, row, count: sound.count)
      case .babble: try voices(random, count: sound.count, babble)
      }
    let signal = meanSquare(sound.prefix(extent))
    let disturbance = meanSquare(added.prefix(extent))
    guard signal > 0, disturbance > 0 else { return }
    let factor = (signal / (disturbance * pow(10, decibels / 10))).squareRoot()
    for index in sound.indices { sound[index] += factor * added[index] }
  }

  private func stream(_ stream: UInt32, _ row: Int) -> CounterRandom {
    CounterRandom(
      seed: noise.seed, purpose: .synthesis, stream: stream,
      substream: UInt32(truncatingIfNeeded: row))
  }

  private func white(_ origin: Int, _ row: Int, count: Int) -> [Double] {
    let random = stream(streams[origin].amplitudes, row)
    return (0..<count).map { Double(random.normal(at: $0)) }
  }

  /// White noise through the filter, which has run full before the first amplitude.
  private func pink(_ origin: Int, _ row: Int, count: Int) -> [Double] {
    let white = white(origin, row, count: count + NoiseMixer.pinkTaps - 1)
    var sums = [Double](repeating: 0, count: count)
    sums.withUnsafeMutableBufferPointer { sums in
      white.withUnsafeBufferPointer { white in
        for (tap, weight) in pinkFilter.enumerated() {
          let start = NoiseMixer.pinkTaps - 1 - tap
          for index in 0..<count { sums[index] += weight * white[start + index] }
        }
      }
    }
    return sums
  }

  /// Several sounds of equal power, each from a place of its own, over and over.
  private func voices(
    _ random: CounterRandom, count: Int, _ babble: (UInt32) throws -> [Double]
  ) throws -> [Double] {
    var sums = [Double](repeating: 0, count: count)
    for talker in 0..<NoiseMixer.talkers {
      let voice = try babble(random.bits(at: 2 + 2 * talker))
      let power = meanSquare(voice[...])
      guard power > 0 else { continue }
      let factor = 1 / power.squareRoot()
      var place = (Int(random.bits(at: 3 + 2 * talker)) * voice.count) >> 32
      for index in sums.indices {
        sums[index] += factor * voice[place]
        place = place + 1 == voice.count ? 0 : place + 1
      }
    }
    return sums
  }

  private func meanSquare(_ amplitudes: ArraySlice<Double>) -> Double {
    amplitudes.reduce(0) { $0 + $1 * $1 } / Double(max(1, amplitudes.count))
  }
}
