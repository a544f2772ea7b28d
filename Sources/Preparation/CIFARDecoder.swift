/// Records of the CIFAR binary version: label bytes, then a red, a green and a blue plane.
enum CIFARDecoder {
  /// What the records hold.
  struct Records {
    /// uint8 `[S, H, W, 3]`.
    let images: RawArray
    /// uint8 `[S]`, the last label byte of each record.
    let labels: RawArray
  }

  /// Reads one file.
  ///
  /// - Parameters:
  ///   - file: opened at its beginning.
  ///   - height: H of the planes.
  ///   - width: W of the planes.
  ///   - labelBytes: bytes before the planes; the last one is the label.
  /// - Returns: images with channels last, and labels.
  /// - Throws: ``PreparationError`` with `.badData` if the size is no multiple of a record's.
  static func read(_ file: RawFile, height: Int, width: Int, labelBytes: Int) throws -> Records {
    let plane = height * width
    let record = labelBytes + 3 * plane
    let bytes = try file.readAll()
    guard bytes.count % record == 0, !bytes.isEmpty else {
      throw PreparationError(
        .badData,
        "\(file.name): expected records of \(record) bytes (\(labelBytes) label,"
          + " 3 x \(height) x \(width) pixels), found \(bytes.count) bytes (unpacked), which is"
          + " \(bytes.count / record) records and \(bytes.count % record) bytes;"
          + " fetch the file again or correct height and width")
    }
    let count = bytes.count / record
    var labels = [UInt8](repeating: 0, count: count)
    var images = [UInt8](repeating: 0, count: count * 3 * plane)
    images.withUnsafeMutableBufferPointer { target in
      bytes.withUnsafeBufferPointer { source in
        for sample in 0..<count {
          let start = sample * record + labelBytes
          labels[sample] = source[start - 1]
          for pixel in 0..<plane {
            for channel in 0..<3 {
              target[(sample * plane + pixel) * 3 + channel] =
                source[start + channel * plane + pixel]
            }
          }
        }
      }
    }
    return Records(
      images: RawArray(
        name: file.name, shape: [count, height, width, 3], element: .uint8, bytes: images),
      labels: RawArray(name: file.name, shape: [count], element: .uint8, bytes: labels))
  }
}
