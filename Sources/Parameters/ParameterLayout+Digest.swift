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
      describe(slot.name, slot.shape, to: &hash)
      if slot.table == .sharded {
        try rows(sharded) { hash.update(UnsafeRawBufferPointer($0)) }
        sharded += 1
      } else {
        let own = UnsafeBufferPointer(start: values + slot.offset, count: slot.count)
        hash.update(UnsafeRawBufferPointer(own))
      }
    }
    return hash.hexadecimal()
  }

  /// The same digest of values that lie wherever the caller finds them.
  ///
  /// - Parameters:
  ///   - tensors: name and extents of every slot in canonical order.
  ///   - scalars: called for each of them with its place; hands all its scalars on, from the first to the
  ///     last, in any portions.
  /// - Returns: 64 lowercase hexadecimal digits.
  /// - Throws: what `scalars` throws.
  public static func digest(
    _ tensors: [(name: String, shape: [Int])],
    _ scalars: (_ place: Int, _ take: (UnsafeBufferPointer<Float>) -> Void) throws -> Void
  ) rethrows -> String {
    var hash = SHA256()
    for (place, tensor) in tensors.enumerated() {
      describe(tensor.name, tensor.shape, to: &hash)
      try scalars(place) { hash.update(UnsafeRawBufferPointer($0)) }
    }
    return hash.hexadecimal()
  }
}

/// What stands before a slot's scalars in a digest: name and shape.
///
/// Linux runs Swift on little-endian processors only, so memory is already in file order.
private func describe(_ name: String, _ shape: [Int], to hash: inout SHA256) {
  hash.update(name)
  var zero: UInt8 = 0
  withUnsafeBytes(of: &zero) { hash.update($0) }
  for extent in shape {
    withUnsafeBytes(of: Int64(extent).littleEndian) { hash.update($0) }
  }
}

extension ParameterStore {
  /// The digest of all values, as `summary.json` and checkpoints record it.
  ///
  /// - Precondition: no table is sharded.
  public var digest: String { layout.digest(of: base) }
}
