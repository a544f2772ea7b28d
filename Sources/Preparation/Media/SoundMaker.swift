import Configuration
import HDF5

/// Amplitudes of sounds: float32 or int16, of one length or ragged, with noise where it is asked for.
struct SoundMaker: FieldMaker {
  let description: FieldDescription
  private let inputs: [any SoundSource]
  /// Which clips of the input make each sample; nil where a sample is one row.
  private let sequences: [ClipSequences?]
  private let rate: Int
  /// T of every sample; nil where each keeps its own.
  private let frames: Int?
  private let resamplers: [Int: Resampler]
  private let mixer: NoiseMixer?

  /// Checks the files of a sound field.
  ///
  /// - Parameters:
  ///   - field: the recipe's options.
  ///   - input: the sources.
  /// - Throws: ``PreparationError`` where rates differ and none is asked for, naming the first file.
  init(_ field: SoundField, _ input: FieldInput) throws {
    inputs = try input.parts.map { part -> any SoundSource in
      switch part.clip {
      case .media(let media) where media.content == .sounds: return media
      case .rows(let rows): return try ArraySounds(rows, input)
      default:
        throw input.bad(
          "a sound is made from a source of 'sounds', or of hdf5 with amplitudes and their rate")
      }
    }
    sequences = try input.sequences()
    mixer = field.noise.map { NoiseMixer($0, field: input.name, splits: input.splits) }
    rate = try field.rate ?? SoundMaker.commonRate(inputs, input)
    switch field.length {
    case .frames(let frames): self.frames = frames
    case .seconds(let seconds):
      let frames = (seconds * Double(rate)).rounded()
      guard frames >= 1, frames <= Double(DecodedSound.mostSamples) else {
        throw input.bad("\(seconds) seconds are \(frames) samples at \(rate) a second")
      }
      self.frames = Int(frames)
    case nil: frames = nil
    }
    resamplers = try SoundMaker.resamplers(inputs, rate)
    description = FieldDescription(
      name: input.name, modality: "sound", element: field.scale == .unit ? .float32 : .int16,
      sampleShape: frames.map { [$0] } ?? [], isRagged: frames == nil,
      attributes: SoundMaker.attributes(field, rate: rate))
  }

  private static func attributes(_ field: SoundField, rate: Int) -> [String: HDF5Attribute] {
    var attributes: [String: HDF5Attribute] = ["rate": .integer(Int64(rate))]
    if let noise = field.noise {
      attributes["noise"] = .texts(noise.kinds.map(\.rawValue))
      attributes["snr"] = .numbers([noise.snr.lowerBound, noise.snr.upperBound])
    }
    return attributes
  }

  private static func commonRate(
    _ inputs: [any SoundSource], _ input: FieldInput
  ) throws -> Int {
    var common: Int?
    for source in inputs {
      for row in 0..<source.count {
        guard let rate = source.extent(row)?.rate else { continue }
        guard common == nil || common == rate else {
          throw PreparationError(
            .badData,
            "\(source.place(row)): has \(rate) samples a second, files before it \(common ?? 0);"
              + " set 'rate' of field '\(input.name)'")
        }
        common = rate
      }
    }
    return common ?? 1
  }

  private static func resamplers(
    _ inputs: [any SoundSource], _ rate: Int
  ) throws -> [Int: Resampler] {
    var resamplers: [Int: Resampler] = [:]
    for source in inputs {
      for row in 0..<source.count {
        guard let found = source.extent(row)?.rate, resamplers[found] == nil else { continue }
        guard resamplers.count < 64, let resampler = Resampler(from: found, to: rate) else {
          throw PreparationError(
            .badData,
            "\(source.place(row)): \(found) samples a second cannot be turned into \(rate);"
              + " convert the file, or choose another 'rate'")
        }
        resamplers[found] = resampler
      }
    }
    return resamplers
  }

  func steps(origin: Int, row: Int) -> Int { frames == nil ? length(origin, row) : 1 }

  /// The files of a sample, and the silence before each.
  private func clips(_ origin: Int, _ row: Int) -> [(file: Int, silence: Int)] {
    guard let sequences = sequences[origin] else { return [(row, 0)] }
    return sequences.clips(row).enumerated().map {
      ($1, sequences.silence(row, before: $0, rate: rate))
    }
  }

  /// The amplitudes that a file becomes.
  private func length(of file: Int, _ origin: Int) -> Int {
    guard let extent = inputs[origin].extent(file) else { return 0 }
    return resamplers[extent.rate]?.count(extent.samples) ?? 0
  }

  /// T of a sample.
  private func length(_ origin: Int, _ row: Int) -> Int {
    frames ?? clips(origin, row).reduce(0) { $0 + $1.silence + length(of: $1.file, origin) }
  }

  func make(origin: Int, row: Int, into target: UnsafeMutableRawPointer) throws {
    var samples: [Double] = []
    for clip in clips(origin, row) {
      samples.append(contentsOf: repeatElement(0, count: clip.silence))
      samples.append(contentsOf: try amplitudes(origin, clip.file))
    }
    let wanted = length(origin, row)
    let extent = min(samples.count, wanted)
    samples.removeLast(samples.count - extent)
    samples.append(contentsOf: repeatElement(0, count: wanted - extent))
    if let mixer {
      try mixer.mix(into: &samples, extent: extent, origin: origin, row: row) {
        try amplitudes(origin, try other(origin, row, by: $0))
      }
      turnDown(&samples)
    }
    for (index, sample) in samples.enumerated() {
      switch description.element {
      case .int16:
        let level = min(max((sample * 32768).rounded(.toNearestOrEven), -32768), 32767)
        target.storeBytes(of: Int16(level), toByteOffset: index * 2, as: Int16.self)
      default: target.storeBytes(of: Float(sample), toByteOffset: index * 4, as: Float.self)
      }
    }
  }

  /// A row at the rate that is stored.
  private func amplitudes(_ origin: Int, _ file: Int) throws -> [Double] {
    let sound = try inputs[origin].sound(file)
    guard let extent = inputs[origin].extent(file), let resampler = resamplers[sound.rate],
      extent.rate == sound.rate, extent.samples == sound.samples.count
    else {
      throw PreparationError(
        .badData, "\(inputs[origin].place(file)): it has changed while it was being read")
    }
    return resampler.apply(sound.samples)
  }

  /// A sound of the same split that is not in the sample: the first such one from a drawn place on.
  private func other(_ origin: Int, _ row: Int, by word: UInt32) throws -> Int {
    let source = inputs[origin]
    let own = clips(origin, row).map(\.file)
    let first = (Int(word) * source.count) >> 32
    for step in 0..<source.count {
      let candidate = (first + step) % source.count
      if source.extent(candidate) != nil, !own.contains(where: { source.isSame(candidate, $0) }) {
        return candidate
      }
    }
    throw PreparationError(
      .badData, "\(source.place(own.first ?? 0)): there is no other sound that could babble")
  }

  /// Makes a mixture so much weaker that int16 holds its peak: cut off, its ratio would not be the drawn one.
  private func turnDown(_ samples: inout [Double]) {
    let most = 32767.0 / 32768
    let peak = samples.reduce(0) { max($0, abs($1)) }
    guard description.element == .int16, peak > most else { return }
    for index in samples.indices { samples[index] *= most / peak }
  }
}
