import Buffers

extension ParameterLayout {
  /// The digest of values of which no table is sharded, all of them in memory.
  public func digest(of values: UnsafePointer<Float>) -> String {
    digest(of: values) { _, _ in preconditionFailure("rows of sharded tables are elsewhere") }
  }

  /// The digest of a model's values: SHA-256 over every slot in canonical order.
  ///
  /// For each slot: its name in UTF-8, a zero byte, each extent as a little-endian Int64, and its
  /// scalars as little-endian Float32; trainable slots and statistics alike.
  ///
  /// - Parameters:
  ///   - values: P scalars in canonical order; those of sharded tables are not looked at.
  ///   - rows: called for each sharded table in canonical order, with its place among
  ///     ``shardedTables``; hands all its scalars on, from the first to the last, in any portions.
  /// - Returns: 64 lowercase hexadecimal digits.
  /// - Throws: what `rows` throws.
  public func digest(
    of values: UnsafePointer<Float>,
    rows: (_ table: Int, _ take: (UnsafeBufferPointer<Float>) -> Void) throws -> Void
  ) rethrows -> String {
    var sharded = 0
    var hash = SHA256()
    for slot in slots {
      hash.update(slot.name)
      var zero: UInt8 = 0
      withUnsafeBytes(of: &zero) { hash.update($0) }
      for extent in slot.shape {
        withUnsafeBytes(of: Int64(extent).littleEndian) { hash.update($0) }
      }
      // Linux runs Swift on little-endian processors only, so memory is already in file order.
      if slot.table == .sharded {
        try rows(sharded) { hash.update(UnsafeRawBufferPointer($0)) }
        sharded += 1
        continue
      }
      hash.update(
        UnsafeRawBufferPointer(
          start: values + slot.offset, count: slot.count * MemoryLayout<Float>.stride))
    }
    return hash.hexadecimal()
  }
}

extension ParameterStore {
  /// The digest of all values, as `summary.json` and checkpoints record it.
  ///
  /// - Precondition: no table is sharded.
  public var digest: String { layout.digest(of: base) }
}
