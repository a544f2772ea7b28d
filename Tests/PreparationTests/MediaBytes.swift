import Configuration
import Foundation

/// The bytes of a PNG file whose pixels are stored, not packed.
///
/// `kind` is the colour type: 0 grey, 2 colour, 3 palette, 4 grey and alpha, 6 colour and alpha;
/// `depth` the bits of a sample; `chunks` stand between header and pixels.
func png(
  _ width: Int, _ height: Int, kind: UInt8, depth: UInt8 = 8, rows: [[UInt8]],
  chunks: [(String, [UInt8])] = []
) -> [UInt8] {
  func word(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
  }
  func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
    let body = Array(name.utf8) + data
    return word(UInt32(data.count)) + body + word(crc32(body))
  }
  let pixels = rows.flatMap { (row: [UInt8]) -> [UInt8] in [0] + row }
  var (low, high): (UInt32, UInt32) = (1, 0)
  for byte in pixels {
    low = (low + UInt32(byte)) % 65521
    high = (high + low) % 65521
  }
  let length = [UInt8(pixels.count & 255), UInt8(pixels.count >> 8)]
  var packed: [UInt8] = [0x78, 1, 1] + length + length.map { ~$0 }
  packed += pixels
  packed += word(high << 16 | low)
  var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10]
  file += chunk("IHDR", word(UInt32(width)) + word(UInt32(height)) + [depth, kind, 0, 0, 0])
  for (name, data) in chunks { file += chunk(name, data) }
  return file + chunk("IDAT", packed) + chunk("IEND", [])
}

/// The bytes of a grey PNG of one level.
func grey(_ width: Int, _ height: Int, _ level: UInt8) -> [UInt8] {
  png(
    width, height, kind: 0,
    rows: Array(repeating: Array(repeating: level, count: width), count: height))
}

/// The bytes of a WAV file; `format` is 1 for integers and 3 for floats.
func wav(
  _ data: [UInt8], rate: UInt32 = 8000, channels: UInt16 = 1, bits: UInt16 = 16,
  format: UInt16 = 1, promised: UInt32? = nil
) -> [UInt8] {
  let block = channels * bits / 8
  var file = Array("RIFF".utf8) + raw([UInt32(36 + data.count)]) + Array("WAVEfmt ".utf8)
  file += raw([UInt32(16)]) + raw([format, channels]) + raw([rate, rate * UInt32(block)])
  file += raw([block, bits]) + Array("data".utf8) + raw([promised ?? UInt32(data.count)])
  return file + data
}

/// The bytes of a tar file (ustar).
func tar(_ members: [(name: String, bytes: [UInt8])], kind: UInt8 = 0x30) -> [UInt8] {
  var archive: [UInt8] = []
  for member in members {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ place: Int) {
      for (index, byte) in text.utf8.enumerated() { header[place + index] = byte }
    }
    put(member.name, 0)
    put("0000644", 100)
    put(String(format: "%011o", member.bytes.count), 124)
    put("00000000000", 136)
    put("        ", 148)
    header[156] = kind
    put("ustar", 257)
    put("00", 263)
    put(String(format: "%06o", header.reduce(0) { $0 + Int($1) }), 148)
    header[154] = 0
    archive += header + member.bytes
    archive += [UInt8](repeating: 0, count: (512 - member.bytes.count % 512) % 512)
  }
  return archive + [UInt8](repeating: 0, count: 1024)
}

/// A source of pictures or sounds.
func files(
  _ content: FileCollection.Content, _ place: FileCollection.Place, within: String? = nil,
  pattern: String? = nil, badFiles: FileCollection.BadFiles = .skip
) -> RecipeSource.Kind {
  .files(
    FileCollection(
      content: content, place: place, within: within, pattern: pattern.flatMap { FilePattern($0) },
      badFiles: badFiles))
}

/// A grey picture of 8 x 8 pixels with all bytes 128, as libjpeg writes it.
let smallJPEG: [UInt8] = Array(Data(base64Encoded: smallJPEGText) ?? Data())

private let smallJPEGText =
  "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4R"
  + "DgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAA"
  + "AAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z"
