/// Whether a sound file is as long as its own frame says, which libsndfile passes over in silence.
enum SoundFraming {
  /// Checks the frame of a WAV or Ogg file, and that it is one of the kinds that are read.
  ///
  /// - Parameter bytes: the file.
  /// - Throws: ``BadFile`` for other files and for those that are cut off.
  static func check(_ bytes: [UInt8]) throws(BadFile) {
    if ["RIFF", "RF64", "RIFX"].contains(where: { bytes.starts(with: $0.utf8) }) {
      try checkWAV(bytes, isBigEndian: bytes.starts(with: "RIFX".utf8))
    } else if bytes.starts(with: "OggS".utf8) {
      try checkOgg(bytes)
    } else if !bytes.starts(with: "fLaC".utf8) {
      throw BadFile("it is neither WAV, FLAC nor Ogg")
    }
  }

  /// A WAV file is chunks of a name, a length and bytes; those of `data` must all be there.
  ///
  /// In the form RF64 (EBU Tech 3306) the length of `data` is the second number of the chunk `ds64`.
  private static func checkWAV(_ bytes: [UInt8], isBigEndian: Bool) throws(BadFile) {
    var place = 12
    var long: Int?
    while place + 8 <= bytes.count {
      let stated = Int(number(bytes, place + 4, 4, isBigEndian))
      let left = bytes.count - place - 8
      let name = bytes[place..<place + 4]
      if name.elementsEqual("data".utf8) {
        // All ones: in RF64 the length stands elsewhere; else written to a pipe, and not known.
        let length = stated == 0xFFFF_FFFF ? long ?? 0 : stated
        guard length <= left else {
          throw BadFile("it is cut off: its header says \(length) bytes, found \(left)")
        }
        return
      }
      if name.elementsEqual("ds64".utf8), left >= 16 {
        long = Int(clamping: number(bytes, place + 16, 8, isBigEndian))
      }
      guard stated <= left else { break }
      place += 8 + stated + stated % 2
    }
    throw BadFile("it is cut off: the WAV file has no data")
  }

  /// An Ogg file is pages of a header, a table of lengths and bytes; the last must end with the file.
  private static func checkOgg(_ bytes: [UInt8]) throws(BadFile) {
    var place = 0
    while place < bytes.count {
      guard bytes[place...].starts(with: "OggS".utf8) else {
        throw BadFile("it is damaged: no Ogg page at byte \(place)")
      }
      guard place + 27 <= bytes.count else { break }
      let segments = Int(bytes[place + 26])
      guard place + 27 + segments <= bytes.count else { break }
      place +=
        27 + segments
        + bytes[place + 27..<place + 27 + segments].reduce(0) { $0 + Int($1) }
    }
    guard place == bytes.count else {
      throw BadFile("it is cut off: an Ogg page ends after the file")
    }
  }

  private static func number(
    _ bytes: [UInt8], _ place: Int, _ width: Int, _ isBigEndian: Bool
  ) -> UInt64 {
    let digits = bytes[place..<place + width]
    return isBigEndian
      ? digits.reduce(0) { $0 << 8 | UInt64($1) }
      : digits.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
