import CPNG

/// PNG by libpng's simplified interface.
///
/// Only the chunks that hold pixels reach the library: colour profiles and gamma are not applied, as by
/// other loaders of training data, and text and profiles are never unpacked.
enum PNGDecoder {
  /// The first bytes of every PNG file.
  static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Unpacks a picture.
  ///
  /// 16 bits become 8 by rounding v / 257; fewer than 8 bits and palettes are spread to 0 to 255.
  /// Pixels that are not opaque are laid on black: v a / 255, rounded.
  ///
  /// - Parameter bytes: a file that begins with ``signature``.
  /// - Returns: 1 channel for grey, else 3.
  /// - Throws: ``BadFile``.
  static func decode(_ bytes: [UInt8]) throws(BadFile) -> DecodedImage {
    let bare = try pixelChunks(bytes)
    try checkSize(bare)
    return try bare.withUnsafeBytes { read($0) }.get()
  }

  /// The library keeps the address of the file between its two calls.
  private static func read(_ file: UnsafeRawBufferPointer) -> Result<DecodedImage, BadFile> {
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    defer { png_image_free(&image) }
    guard png_image_begin_read_from_memory(&image, file.baseAddress, file.count) != 0 else {
      return .failure(failure(image))
    }
    let color = png_uint_32(PNG_FORMAT_FLAG_COLOR)
    let alpha = png_uint_32(PNG_FORMAT_FLAG_ALPHA)
    image.format &= color | alpha
    image.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)
    let channels = image.format & color != 0 ? 3 : 1
    let hasAlpha = image.format & alpha != 0
    let (height, width) = (Int(image.height), Int(image.width))
    var pixels = [UInt8](repeating: 0, count: height * width * (channels + (hasAlpha ? 1 : 0)))
    let done = pixels.withUnsafeMutableBytes {
      png_image_finish_read(&image, nil, $0.baseAddress, 0, nil)
    }
    guard done != 0 else { return .failure(failure(image)) }
    if hasAlpha { pixels = onBlack(pixels, channels) }
    return .success(
      DecodedImage(height: height, width: width, channels: channels, pixels: pixels))
  }

  private static func failure(_ image: png_image) -> BadFile {
    let text = withUnsafeBytes(of: image.message) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    return BadFile("it is no whole PNG: \(text)")
  }

  private static func onBlack(_ pixels: [UInt8], _ channels: Int) -> [UInt8] {
    var target: [UInt8] = []
    target.reserveCapacity(pixels.count / (channels + 1) * channels)
    for start in stride(from: 0, to: pixels.count, by: channels + 1) {
      let alpha = Int(pixels[start + channels])
      for channel in 0..<channels {
        target.append(UInt8((Int(pixels[start + channel]) * alpha + 127) / 255))
      }
    }
    return target
  }

  /// The file with the chunks that decide pixels: IHDR, PLTE, tRNS, IDAT, IEND.
  private static func pixelChunks(_ bytes: [UInt8]) throws(BadFile) -> [UInt8] {
    var kept = signature
    var place = signature.count
    while place + 12 <= bytes.count {
      let length = Int(word(bytes, place))
      guard length <= bytes.count - place - 12 else { break }
      let kind = String(decoding: bytes[place + 4..<place + 8], as: UTF8.self)
      if ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"].contains(kind) {
        kept += bytes[place..<place + 12 + length]
      }
      if kind == "IEND" { return kept }
      place += 12 + length
    }
    throw BadFile("it is cut off: the PNG does not end")
  }

  /// Compares the header's promise with the length of the file: deflate packs at most 1032 to 1.
  private static func checkSize(_ bytes: [UInt8]) throws(BadFile) {
    let header = signature.count
    guard bytes.count >= header + 25, bytes[header + 4..<header + 8].elementsEqual("IHDR".utf8)
    else { throw BadFile("it is no whole PNG: it does not begin with a header") }
    let samples = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][bytes[header + 17]] ?? 1
    let bits = samples * Int(bytes[header + 16])
    try DecodedImage.check(
      height: Int(word(bytes, header + 12)), width: Int(word(bytes, header + 8)),
      most: bytes.count * 8 / max(1, bits) * 1032)
  }

  private static func word(_ bytes: [UInt8], _ place: Int) -> UInt32 {
    bytes[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }
}
