import CZlib

/// One array of a NumPy archive (`.npz`): a ZIP file of `.npy` files, stored or deflated.
///
/// Format: PKWARE, "APPNOTE.TXT - .ZIP File Format Specification". Archives above 4 GiB are refused.
enum NPZDecoder {
  /// Reads one array.
  ///
  /// - Parameters:
  ///   - name: the file as the recipe names it.
  ///   - root: the folder it is relative to.
  ///   - array: the array's name, without `.npy`.
  /// - Returns: all rows.
  /// - Throws: ``PreparationError`` for a damaged archive, or an array that is not there.
  static func read(_ name: String, root: String, array: String) throws -> RawArray {
    let bytes = try RawFile(name, root: root).readAll()
    let entries = try directory(bytes, name)
    guard let entry = entries.first(where: { $0.name == array + ".npy" }) else {
      let names = entries.map { $0.name.hasSuffix(".npy") ? String($0.name.dropLast(4)) : $0.name }
      throw PreparationError(
        .badData,
        "\(name): there is no array '\(array)'; its arrays are \(names.joined(separator: ", "))")
    }
    let content = try unpack(entry, bytes, name)
    return try NPYDecoder.read(MemoryBytes(content, name: "\(name), array \(array)"))
  }

  private struct Entry {
    let name: String
    let method: Int
    let checksum: UInt32
    let packed: Int
    let size: Int
    let header: Int
  }

  private static func number(_ bytes: [UInt8], _ place: Int, _ count: Int) -> Int {
    guard place >= 0, place + count <= bytes.count else { return 0 }
    return (0..<count).reversed().reduce(0) { $0 << 8 | Int(bytes[place + $1]) }
  }

  /// The entries by the central directory at the end of the file.
  private static func directory(_ bytes: [UInt8], _ file: String) throws -> [Entry] {
    let damaged = PreparationError(
      .badData, "\(file): not a whole ZIP archive of NumPy arrays; fetch or write it again")
    let ends = stride(from: bytes.count - 22, through: max(0, bytes.count - 65557), by: -1)
    guard bytes.count >= 22, let end = ends.first(where: { number(bytes, $0, 4) == 0x0605_4b50 })
    else { throw damaged }
    var place = number(bytes, end + 16, 4)
    guard place != 0xffff_ffff else {
      throw PreparationError(
        .badData, "\(file): archives above 4 GiB are not read; use .npy or HDF5")
    }
    var entries: [Entry] = []
    for _ in 0..<number(bytes, end + 10, 2) {
      guard number(bytes, place, 4) == 0x0201_4b50 else { throw damaged }
      let length = number(bytes, place + 28, 2)
      guard place + 46 + length <= bytes.count else { throw damaged }
      entries.append(
        Entry(
          name: String(decoding: bytes[(place + 46)..<(place + 46 + length)], as: UTF8.self),
          method: number(bytes, place + 10, 2),
          checksum: UInt32(number(bytes, place + 16, 4)), packed: number(bytes, place + 20, 4),
          size: number(bytes, place + 24, 4), header: number(bytes, place + 42, 4)))
      place += 46 + length + number(bytes, place + 30, 2) + number(bytes, place + 32, 2)
    }
    return entries
  }

  private static func unpack(_ entry: Entry, _ bytes: [UInt8], _ file: String) throws -> [UInt8] {
    let damaged = PreparationError(
      .badData, "\(file): '\(entry.name)' does not fit its checksum; fetch or write it again")
    guard number(bytes, entry.header, 4) == 0x0403_4b50 else { throw damaged }
    let start =
      entry.header + 30 + number(bytes, entry.header + 26, 2) + number(bytes, entry.header + 28, 2)
    guard start + entry.packed <= bytes.count else { throw damaged }
    let packed = Array(bytes[start..<start + entry.packed])
    let content: [UInt8]
    switch entry.method {
    case 0: content = packed
    case 8:
      guard let inflated = inflate(packed, size: entry.size) else { throw damaged }
      content = inflated
    default:
      throw PreparationError(
        .badData,
        "\(file): '\(entry.name)' is packed by method \(entry.method); only stored and deflated"
          + " arrays are read")
    }
    let checksum = content.withUnsafeBufferPointer {
      CZlib.crc32_z(0, $0.baseAddress, content.count)
    }
    guard content.count == entry.size, UInt32(truncatingIfNeeded: checksum) == entry.checksum else {
      throw damaged
    }
    return content
  }

  /// Raw deflate (RFC 1951).
  private static func inflate(_ packed: [UInt8], size: Int) -> [UInt8]? {
    // Deflate shrinks at most 1032 times (zlib's documentation): memory is not taken on a file's word.
    guard size <= packed.count * 1032 else { return nil }
    var stream = z_stream()
    let version = ZLIB_VERSION
    guard
      inflateInit2_(&stream, -15, version, Int32(MemoryLayout<z_stream>.size)) == Z_OK,
      packed.count < Int(UInt32.max), size < Int(UInt32.max)
    else { return nil }
    defer { inflateEnd(&stream) }
    var packed = packed
    var result = [UInt8](repeating: 0, count: max(1, size))
    let code = packed.withUnsafeMutableBufferPointer { source in
      result.withUnsafeMutableBufferPointer { target in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(target.count)
        return CZlib.inflate(&stream, Z_FINISH)
      }
    }
    guard code == Z_STREAM_END, Int(stream.total_out) == size else { return nil }
    return Array(result.prefix(size))
  }
}
