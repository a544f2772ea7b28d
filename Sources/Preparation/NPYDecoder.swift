/// NumPy arrays (`.npy`, versions 1 to 3): C or Fortran order, either byte order, numbers and bools.
///
/// Format: numpy.org, "numpy.lib.format". Structured, complex, string and object arrays are refused.
enum NPYDecoder {
  /// Reads one file.
  ///
  /// - Parameter file: opened at its beginning.
  /// - Returns: all rows in C order; the first axis counts them.
  /// - Throws: ``PreparationError`` with `.badData`.
  static func read(_ file: any ByteSource) throws -> RawArray {
    let (text, headerBytes) = try headerText(file)
    let header = try NPYHeader(text, file: file.name)
    guard !header.shape.isEmpty else {
      throw PreparationError(
        .badData, "\(file.name): the array is a single number; its first axis must count samples")
    }
    guard let size = header.shape.checkedProduct(times: header.element.byteCount) else {
      throw PreparationError(.badData, "\(file.name): the shape \(header.shape) is absurd")
    }
    guard size > 0 else {
      throw PreparationError(
        .badData, "\(file.name): an array of shape \(header.shape) holds no numbers")
    }
    var bytes = try file.readRest(size, header: headerBytes)
    if header.isBigEndian { header.element.swapBytes(&bytes) }
    if header.isFortranOrder && header.shape.count > 1 {
      bytes = rowMajor(bytes, shape: header.shape, width: header.element.byteCount)
    }
    return RawArray(name: file.name, shape: header.shape, element: header.element, bytes: bytes)
  }

  private static func headerText(_ file: any ByteSource) throws -> (String, Int) {
    let magic = try file.read(8)
    guard magic.count == 8, magic[0] == 0x93, Array(magic[1..<6]) == Array("NUMPY".utf8),
      (1...3).contains(magic[6])
    else {
      throw PreparationError(
        .badData,
        "\(file.name): expected a NumPy file (93 'NUMPY', version 1 to 3),"
          + " found \(hexadecimal(magic)); name the right file or another kind of source")
    }
    let lengthBytes = try file.read(magic[6] == 1 ? 2 : 4)
    let length = lengthBytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try file.read(min(length, 1 << 20))
    guard header.count == length else {
      throw PreparationError(
        .badData, "\(file.name): expected a header of \(length) bytes, found \(header.count)")
    }
    return (String(decoding: header, as: UTF8.self), 8 + lengthBytes.count + length)
  }

  /// Copies an array from first-axis-fastest to last-axis-fastest order.
  private static func rowMajor(_ bytes: [UInt8], shape: [Int], width: Int) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: bytes.count)
    var strides = [Int](repeating: width, count: shape.count)
    for axis in 1..<shape.count { strides[axis] = strides[axis - 1] * shape[axis - 1] }
    var index = [Int](repeating: 0, count: shape.count)
    var target = 0
    while target < result.count {
      let source = zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 }
      for byte in 0..<width { result[target + byte] = bytes[source + byte] }
      target += width
      var axis = shape.count - 1
      index[axis] += 1
      while axis > 0 && index[axis] == shape[axis] {
        index[axis] = 0
        axis -= 1
        index[axis] += 1
      }
    }
    return result
  }
}

/// The dictionary at the front of a NumPy file.
struct NPYHeader {
  /// The type of the numbers; bools are uint8.
  let element: RawElement
  /// Whether numbers begin with their most significant byte.
  let isBigEndian: Bool
  /// Whether the first axis runs fastest.
  let isFortranOrder: Bool
  /// The extents.
  let shape: [Int]

  /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
  ///
  /// - Parameters:
  ///   - text: the dictionary as NumPy writes it.
  ///   - file: for messages.
  /// - Throws: ``PreparationError`` with `.badData` for anything else.
  init(_ text: String, file: String) throws {
    let refuse = { (what: String) in
      PreparationError(.badData, "\(file): \(what) in the header \(text.prefix(200))")
    }
    guard let descr = NPYHeader.value(of: "descr", in: text), descr.hasPrefix("'") else {
      throw refuse("expected one plain type ('descr')")
    }
    let code = descr.dropFirst().prefix { $0 != "'" }
    guard let first = code.first, let element = NPYHeader.element(code.dropFirst()),
      "<>|=".contains(first)
    else {
      throw refuse("type '\(code)' is not one of bool, int8-64, uint8-64, float32, float64")
    }
    self.element = element
    isBigEndian = first == ">"
    guard let order = NPYHeader.value(of: "fortran_order", in: text),
      order.hasPrefix("True") || order.hasPrefix("False")
    else { throw refuse("expected 'fortran_order'") }
    isFortranOrder = order.hasPrefix("True")
    guard let tuple = NPYHeader.value(of: "shape", in: text), tuple.hasPrefix("(") else {
      throw refuse("expected 'shape'")
    }
    let extents = tuple.dropFirst().prefix { $0 != ")" }.split(separator: ",")
      .map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
    let numbers = extents.compactMap { Int($0) }
    guard numbers.count == extents.count else { throw refuse("expected whole extents") }
    shape = numbers
  }

  private static func value(of key: String, in text: String) -> Substring? {
    let quoted = Array("'\(key)':")
    let characters = Array(text)
    guard characters.count >= quoted.count else { return nil }
    for start in 0...(characters.count - quoted.count)
    where Array(characters[start..<(start + quoted.count)]) == quoted {
      return Substring(String(characters[(start + quoted.count)...])).drop { $0 == " " }
    }
    return nil
  }

  private static func element(_ code: Substring) -> RawElement? {
    switch code {
    case "b1", "u1": .uint8
    case "i1": .int8
    case "u2": .uint16
    case "i2": .int16
    case "u4": .uint32
    case "i4": .int32
    case "u8": .uint64
    case "i8": .int64
    case "f4": .float32
    case "f8": .float64
    default: nil
    }
  }
}
