/// Whether a sound file is as long as its own frame says, which libsndfile passes over in silence.
enum SoundFraming {
  /// Checks the frame of a WAV or Ogg file, and that it is one of the kinds that are read.
  ///
  /// - Parameter bytes: the file.
  /// - Throws: ``BadFile`` for other files and for those that are cut off.
  static func check(_ bytes: [UInt8]) throws(BadFile) {
    if bytes.starts(with: "RIFF".utf8) {
      try checkWAV(bytes)
    } else if bytes.starts(with: "OggS".utf8) {
      try checkOgg(bytes)
    } else if !["RF64", "RIFX", "fLaC"].contains(where: { bytes.starts(with: $0.utf8) }) {
      throw BadFile("it is neither WAV, FLAC nor Ogg")
    }
  }

  /// A WAV file is chunks of a name, a length and bytes; those of `data` must all be there.
  private static func checkWAV(_ bytes: [UInt8]) throws(BadFile) {
    var place = 12
    while place + 8 <= bytes.count {
      let length = Int(littleEndian(bytes, place + 4))
      let left = bytes.count - place - 8
      if bytes[place..<place + 4].elementsEqual("data".utf8) {
        // All ones: written to a pipe, the length was not known.
        guard length <= left || length == 0xFFFF_FFFF else {
          throw BadFile("it is cut off: its header says \(length) bytes, found \(left)")
        }
        return
      }
      guard length <= left else { break }
      place += 8 + length + length % 2
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

  private static func littleEndian(_ bytes: [UInt8], _ place: Int) -> UInt32 {
    bytes[place..<place + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}
