import Buffers

extension ParameterLayout {
  /// The digest of a model's values: SHA-256 over every slot in canonical order.
  ///
  /// For each slot: its name in UTF-8, a zero byte, each extent as a little-endian Int64, and its
  /// scalars as little-endian Float32; trainable slots and statistics alike.
  ///
  /// - Parameter values: P scalars in canonical order.
  /// - Returns: 64 lowercase hexadecimal digits.
  public func digest(of values: UnsafePointer<Float>) -> String {
    var hash = SHA256()
    for slot in slots {
      hash.update(slot.name)
      var zero: UInt8 = 0
      withUnsafeBytes(of: &zero) { hash.update($0) }
      for extent in slot.shape {
        withUnsafeBytes(of: Int64(extent).littleEndian) { hash.update($0) }
      }
      // Linux runs Swift on little-endian processors only, so memory is already in file order.
      hash.update(
        UnsafeRawBufferPointer(
          start: values + slot.offset, count: slot.count * MemoryLayout<Float>.stride))
    }
    return hash.hexadecimal()
  }
}

extension ParameterStore {
  /// The digest of all values, as `summary.json` and checkpoints record it.
  public var digest: String { layout.digest(of: base) }
}
