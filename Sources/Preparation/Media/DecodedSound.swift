import CSndfile

/// A sound in memory: the mean of its channels.
struct DecodedSound: Equatable {
  /// Samples a second.
  let rate: Int
  /// Amplitudes; full scale is 1.
  let samples: [Double]

  /// The most samples of a sound: four and a half hours at 8,000 a second.
  static let mostSamples = 1 << 27
  private static let mostChannels = 64

  /// Unpacks a WAV, FLAC or Ogg file, which is known by its first bytes.
  ///
  /// - Parameter bytes: the file.
  /// - Throws: ``BadFile``.
  init(_ bytes: [UInt8]) throws(BadFile) {
    guard !bytes.isEmpty else { throw BadFile("the file is empty") }
    try SoundFraming.check(bytes)
    let sound = try bytes.withUnsafeBytes { DecodedSound.read($0) }.get()
    guard !sound.samples.isEmpty else { throw BadFile("it holds no samples") }
    guard sound.samples.allSatisfy({ Float($0).isFinite }) else {
      throw BadFile("it holds amplitudes that are not finite")
    }
    self = sound
  }

  /// Amplitudes that are known already.
  init(rate: Int, samples: [Double]) {
    self.rate = rate
    self.samples = samples
  }

  private static func read(_ file: UnsafeRawBufferPointer) -> Result<DecodedSound, BadFile> {
    var memory = MemoryFile(bytes: file)
    var calls = MemoryFile.calls
    var info = SF_INFO()
    return withUnsafeMutablePointer(to: &memory) { memory in
      guard let handle = sf_open_virtual(&calls, Int32(SFM_READ), &info, memory) else {
        return .failure(BadFile("it cannot be read: \(String(cString: sf_strerror(nil)))"))
      }
      defer { sf_close(handle) }
      let channels = Int(info.channels)
      guard (1...mostChannels).contains(channels), (1...384_000).contains(info.samplerate) else {
        return .failure(
          BadFile("its header says \(channels) channels at \(info.samplerate) samples a second"))
      }
      return samples(handle, channels).flatMap { samples in
        // Zero, or the largest number, stands for a length that the header does not know.
        let said = info.frames
        if said > samples.count, said < Int64.max / 2 {
          return .failure(
            BadFile("it is cut off: its header says \(said) samples, found \(samples.count)"))
        }
        return .success(DecodedSound(rate: Int(info.samplerate), samples: samples))
      }
    }
  }

  /// Reads to the end in pieces, so that memory follows what is there and not what is promised.
  private static func samples(
    _ handle: OpaquePointer, _ channels: Int
  ) -> Result<[Double], BadFile> {
    let most = 1 << 14
    var piece = [Double](repeating: 0, count: most * channels)
    var samples: [Double] = []
    while true {
      let found = Int(sf_readf_double(handle, &piece, sf_count_t(most)))
      guard found > 0 else { break }
      for frame in 0..<found {
        var sum = 0.0
        for channel in 0..<channels { sum += piece[frame * channels + channel] }
        samples.append(channels == 1 ? sum : sum / Double(channels))
      }
      guard samples.count <= mostSamples else {
        return .failure(BadFile("it has more than \(mostSamples) samples"))
      }
    }
    guard sf_error(handle) == 0 else {
      return .failure(BadFile("it is damaged: \(String(cString: sf_strerror(handle)))"))
    }
    return .success(samples)
  }
}

/// A file in memory, as libsndfile wants to read it.
private struct MemoryFile {
  let bytes: UnsafeRawBufferPointer
  var place = 0

  static let calls = SF_VIRTUAL_IO(
    get_filelen: { sf_count_t(MemoryFile.at($0).pointee.bytes.count) },
    seek: { offset, origin, user in
      let file = MemoryFile.at(user)
      let start =
        origin == SEEK_SET
        ? 0 : origin == SEEK_CUR ? file.pointee.place : file.pointee.bytes.count
      let (target, overflow) = start.addingReportingOverflow(Int(offset))
      guard !overflow, target >= 0 else { return -1 }
      file.pointee.place = min(target, file.pointee.bytes.count)
      return sf_count_t(file.pointee.place)
    },
    read: { target, count, user in
      let file = MemoryFile.at(user)
      let found = max(0, min(Int(count), file.pointee.bytes.count - file.pointee.place))
      if found > 0, let target, let base = file.pointee.bytes.baseAddress {
        target.copyMemory(from: base + file.pointee.place, byteCount: found)
      }
      file.pointee.place += found
      return sf_count_t(found)
    },
    write: { _, _, _ in 0 },
    tell: { sf_count_t(MemoryFile.at($0).pointee.place) })

  private static func at(_ user: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<MemoryFile> {
    guard let user else { preconditionFailure("libsndfile lost its file") }
    return user.assumingMemoryBound(to: MemoryFile.self)
  }
}
