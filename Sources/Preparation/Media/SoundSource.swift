/// Where a field of sounds comes from: one sound a row.
protocol SoundSource {
  /// The number of rows.
  var count: Int { get }
  /// The length and rate of a row's sound; nil where there is none.
  func extent(_ row: Int) -> (samples: Int, rate: Int)?
  /// The amplitudes of a row's sound.
  ///
  /// - Throws: ``PreparationError`` where it cannot be read.
  func sound(_ row: Int) throws -> DecodedSound
  /// Whether two rows are one and the same sound.
  func isSame(_ row: Int, _ other: Int) -> Bool
  /// Says where a row comes from, for messages.
  func place(_ row: Int) -> String
}

extension MediaSource: SoundSource {
  var count: Int { files.count }

  func extent(_ row: Int) -> (samples: Int, rate: Int)? {
    guard case .sound(let samples, let rate) = verdicts[row] else { return nil }
    return (samples, rate)
  }

  func sound(_ row: Int) throws -> DecodedSound {
    try decoded(row) { bytes throws(BadFile) in try DecodedSound(bytes) }
  }

  func isSame(_ row: Int, _ other: Int) -> Bool { files[row].path == files[other].path }
}
