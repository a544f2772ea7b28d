/// Arrays of the MNIST kind (IDX): two zero bytes, a type, the number of axes, big-endian extents.
enum IDXDecoder {
  /// Reads one file.
  ///
  /// - Parameter file: opened at its beginning.
  /// - Returns: all rows; the first axis counts them.
  /// - Throws: ``PreparationError`` with `.badData` for a wrong magic number or size.
  static func read(_ file: RawFile) throws -> RawArray {
    let magic = try file.read(4)
    guard magic.count == 4, magic[0] == 0, magic[1] == 0, let element = element(magic[2]),
      magic[3] > 0
    else {
      throw PreparationError(
        .badData,
        "\(file.name): expected an IDX file (bytes 00 00, a type of 08 09 0b 0c 0d 0e, the number"
          + " of axes), found \(hexadecimal(magic)); name the right file or another kind of source")
    }
    let axes = Int(magic[3])
    let header = try file.read(4 * axes)
    guard header.count == 4 * axes else {
      throw PreparationError(
        .badData,
        "\(file.name): expected \(4 + 4 * axes) bytes of header for \(axes) axes,"
          + " found \(4 + header.count); the file is cut off, fetch it again")
    }
    let shape = (0..<axes).map { axis in
      header[(4 * axis)..<(4 * axis + 4)].reduce(0) { $0 << 8 | Int($1) }
    }
    guard let size = shape.checkedProduct(times: element.byteCount) else {
      throw PreparationError(.badData, "\(file.name): the extents \(shape) are absurd")
    }
    guard size > 0 else {
      throw PreparationError(
        .badData, "\(file.name): an array of the extents \(shape) holds no numbers")
    }
    var bytes = try file.readRest(size, header: 4 + 4 * axes)
    element.swapBytes(&bytes)
    return RawArray(name: file.name, shape: shape, element: element, bytes: bytes)
  }

  private static func element(_ code: UInt8) -> RawElement? {
    switch code {
    case 0x08: .uint8
    case 0x09: .int8
    case 0x0b: .int16
    case 0x0c: .int32
    case 0x0d: .float32
    case 0x0e: .float64
    default: nil
    }
  }
}

/// The bytes as pairs of hexadecimal digits, or "nothing".
func hexadecimal(_ bytes: [UInt8]) -> String {
  let pairs = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
  return pairs.isEmpty ? "nothing" : pairs.joined(separator: " ")
}
