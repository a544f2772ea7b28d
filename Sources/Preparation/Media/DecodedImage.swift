import Configuration

/// A picture in memory, 8 bits a channel.
struct DecodedImage: Equatable {
  /// H.
  let height: Int
  /// W.
  let width: Int
  /// 1, grey, or 3, red, green and blue.
  let channels: Int
  /// `[H, W, C]`.
  let pixels: [UInt8]

  /// The most pixels that are read: beyond that a header lies, or the picture is no training sample.
  static let mostPixels = 1 << 27

  /// Unpacks a PNG or JPEG file, which is known by its first bytes.
  ///
  /// - Parameter bytes: the file.
  /// - Throws: ``BadFile``.
  init(_ bytes: [UInt8]) throws(BadFile) {
    if bytes.starts(with: PNGDecoder.signature) {
      self = try PNGDecoder.decode(bytes)
    } else if bytes.starts(with: [0xFF, 0xD8]) {
      self = try JPEGDecoder.decode(bytes)
    } else if bytes.isEmpty {
      throw BadFile("the file is empty")
    } else {
      throw BadFile("it is neither PNG nor JPEG")
    }
  }

  /// A picture from its parts.
  init(height: Int, width: Int, channels: Int, pixels: [UInt8]) {
    precondition(pixels.count == height * width * channels, "pixels and extents differ")
    self.height = height
    self.width = width
    self.channels = channels
    self.pixels = pixels
  }

  /// Throws for extents that nobody means, before memory is taken.
  ///
  /// - Parameters:
  ///   - height: H by the header.
  ///   - width: W by the header.
  ///   - most: the most pixels that so long a file can hold.
  /// - Throws: ``BadFile``.
  static func check(height: Int, width: Int, most: Int) throws(BadFile) {
    guard height > 0, width > 0 else {
      throw BadFile("its header says \(height) x \(width) pixels")
    }
    let (pixels, overflow) = height.multipliedReportingOverflow(by: width)
    guard !overflow, pixels <= mostPixels else {
      throw BadFile("its header says \(height) x \(width) pixels; at most \(mostPixels) are read")
    }
    guard pixels <= most else {
      throw BadFile("its header says \(height) x \(width) pixels, more than so short a file holds")
    }
  }

  /// The same picture in grey or in colour.
  ///
  /// Grey is (19595 R + 38470 G + 7471 B + 32768) / 65536, the luma of ITU-R BT.601 in whole numbers.
  ///
  /// - Parameter wanted: 1 or 3.
  /// - Returns: a picture of the same extents.
  func inChannels(_ wanted: Int) -> DecodedImage {
    if wanted == channels { return self }
    var target = [UInt8](repeating: 0, count: height * width * wanted)
    pixels.withUnsafeBufferPointer { source in
      for pixel in 0..<height * width {
        if wanted == 3 {
          for channel in 0..<3 { target[pixel * 3 + channel] = source[pixel] }
        } else {
          let red = 19595 * Int(source[pixel * 3])
          let green = 38470 * Int(source[pixel * 3 + 1])
          let blue = 7471 * Int(source[pixel * 3 + 2])
          target[pixel] = UInt8((red + green + blue + 32768) >> 16)
        }
      }
    }
    return DecodedImage(height: height, width: width, channels: wanted, pixels: target)
  }

  /// The middle of the picture; of an odd rest the larger part is cut off below and on the right.
  ///
  /// - Parameters:
  ///   - rows: at most H.
  ///   - columns: at most W.
  /// - Returns: a picture of these extents.
  func center(_ rows: Int, _ columns: Int) -> DecodedImage {
    if rows == height, columns == width { return self }
    let top = (height - rows) / 2
    let left = (width - columns) / 2
    var target: [UInt8] = []
    target.reserveCapacity(rows * columns * channels)
    for row in top..<top + rows {
      let start = (row * width + left) * channels
      target.append(contentsOf: pixels[start..<start + columns * channels])
    }
    return DecodedImage(height: rows, width: columns, channels: channels, pixels: target)
  }
}

/// Why a file is left out.
struct BadFile: Error, Equatable {
  /// What is wrong with it.
  let reason: String

  /// A reason.
  init(_ reason: String) { self.reason = reason }
}
