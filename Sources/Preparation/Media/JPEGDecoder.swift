import CTurboJPEG

/// JPEG by libjpeg-turbo: the exact integer transform and smooth upsampling of colours.
///
/// The orientation that a camera notes in EXIF is not applied: pixels are taken as they are stored.
enum JPEGDecoder {
  /// Unpacks a picture.
  ///
  /// - Parameter bytes: a file that begins with FF D8.
  /// - Returns: 1 channel for grey, else 3.
  /// - Throws: ``BadFile``, also for what the library would only warn of, as a missing end.
  static func decode(_ bytes: [UInt8]) throws(BadFile) -> DecodedImage {
    guard let handle = tjInitDecompress() else {
      throw BadFile("libjpeg-turbo cannot be started")
    }
    defer { tjDestroy(handle) }
    return try bytes.withUnsafeBufferPointer { read(handle, $0) }.get()
  }

  private static func read(
    _ handle: tjhandle, _ file: UnsafeBufferPointer<UInt8>
  ) -> Result<DecodedImage, BadFile> {
    var (width, height, sampling, space): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
    let length = CUnsignedLong(file.count)
    guard
      tjDecompressHeader3(
        handle, file.baseAddress, length, &width, &height, &sampling, &space) == 0
    else { return .failure(failure(handle)) }
    guard width > 0, height > 0 else {
      return .failure(BadFile("it is no whole JPEG: it has no picture"))
    }
    guard space != Int32(TJCS_CMYK.rawValue), space != Int32(TJCS_YCCK.rawValue) else {
      return .failure(BadFile("its colours are CMYK; convert it to RGB"))
    }
    do throws(BadFile) {
      // A block of 64 pixels takes at least a bit; half of that is allowed for.
      try DecodedImage.check(height: Int(height), width: Int(width), most: file.count * 1024)
    } catch { return .failure(error) }
    let isGrey = space == Int32(TJCS_GRAY.rawValue)
    let channels = isGrey ? 1 : 3
    var pixels = [UInt8](repeating: 0, count: Int(height) * Int(width) * channels)
    let format = Int32((isGrey ? TJPF_GRAY : TJPF_RGB).rawValue)
    let done = pixels.withUnsafeMutableBufferPointer {
      tjDecompress2(
        handle, file.baseAddress, length, $0.baseAddress, width, 0, height, format,
        TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS)
    }
    guard done == 0 else { return .failure(failure(handle)) }
    return .success(
      DecodedImage(
        height: Int(height), width: Int(width), channels: channels, pixels: pixels))
  }

  private static func failure(_ handle: tjhandle) -> BadFile {
    BadFile("it is no whole JPEG: \(String(cString: tjGetErrorStr2(handle)))")
  }
}
