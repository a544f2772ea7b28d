import Configuration
import HDF5

/// Amplitudes out of WAV, FLAC and Ogg files: float32 or int16, of one length or ragged.
struct SoundMaker: FieldMaker {
  let description: FieldDescription
  private let inputs: [MediaSource]
  /// Which clips of the input make each sample; nil where a sample is one file.
  private let sequences: [ClipSequences?]
  private let rate: Int
  /// T of every sample; nil where each keeps its own.
  private let frames: Int?
  private let resamplers: [Int: Resampler]

  /// Checks the files of a sound field.
  ///
  /// - Parameters:
  ///   - field: the recipe's options.
  ///   - input: the sources.
  /// - Throws: ``PreparationError`` where rates differ and none is asked for, naming the first file.
  init(_ field: SoundField, _ input: FieldInput) throws {
    inputs = try input.parts.map { part in
      guard case .media(let media) = part.clip, media.content == .sounds else {
        throw input.bad(
          "a sound is made from a source of 'sounds'; use 'modality: value' for arrays")
      }
      return media
    }
    sequences = try input.sequences()
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
      attributes: ["rate": .integer(Int64(rate))])
  }

  private static func commonRate(_ inputs: [MediaSource], _ input: FieldInput) throws -> Int {
    var common: Int?
    for media in inputs {
      for row in media.files.indices {
        guard case .sound(_, let rate) = media.verdicts[row] else { continue }
        guard common == nil || common == rate else {
          throw PreparationError(
            .badData,
            "\(media.place(row)): has \(rate) samples a second, files before it \(common ?? 0);"
              + " set 'rate' of field '\(input.name)'")
        }
        common = rate
      }
    }
    return common ?? 1
  }

  private static func resamplers(
    _ inputs: [MediaSource], _ rate: Int
  ) throws -> [Int: Resampler] {
    var resamplers: [Int: Resampler] = [:]
    for media in inputs {
      for row in media.files.indices {
        guard case .sound(_, let found) = media.verdicts[row], resamplers[found] == nil else {
          continue
        }
        guard resamplers.count < 64, let resampler = Resampler(from: found, to: rate) else {
          throw PreparationError(
            .badData,
            "\(media.place(row)): \(found) samples a second cannot be turned into \(rate);"
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
    guard case .sound(let samples, let found) = inputs[origin].verdicts[file] else { return 0 }
    return resamplers[found]?.count(samples) ?? 0
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
    for index in 0..<length(origin, row) {
      let sample = index < samples.count ? samples[index] : 0
      switch description.element {
      case .int16:
        let level = min(max((sample * 32768).rounded(.toNearestOrEven), -32768), 32767)
        target.storeBytes(of: Int16(level), toByteOffset: index * 2, as: Int16.self)
      default: target.storeBytes(of: Float(sample), toByteOffset: index * 4, as: Float.self)
      }
    }
  }

  /// A file at the rate that is stored.
  private func amplitudes(_ origin: Int, _ file: Int) throws -> [Double] {
    let sound = try inputs[origin].decoded(file) { bytes throws(BadFile) in
      try DecodedSound(bytes)
    }
    guard let resampler = resamplers[sound.rate],
      resampler.count(sound.samples.count) == length(of: file, origin)
    else {
      throw PreparationError(
        .badData, "\(inputs[origin].place(file)): it has changed while it was being read")
    }
    return resampler.apply(sound.samples)
  }
}
