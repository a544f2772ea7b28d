/// How many steps each row of an array has, and which rows are there at all.
struct RawExtents {
  /// Where each row's steps begin, and the end of the last; nil where every row is one.
  var offsets: [Int]?
  /// Whether there is something for each row; nil where there is for all.
  var present: [Bool]?

  /// The extents of this array with those of another behind it.
  ///
  /// - Parameters:
  ///   - next: the other array's.
  ///   - rows: the rows of this one.
  ///   - nextRows: the rows of the other one.
  /// - Returns: nil where one has steps and the other has none.
  func followed(by next: RawExtents, rows: Int, nextRows: Int) -> RawExtents? {
    guard (offsets == nil) == (next.offsets == nil) else { return nil }
    var joined = self
    if let offsets, let more = next.offsets {
      let end = offsets.last ?? 0
      joined.offsets = offsets + more.dropFirst().map { $0 + end }
    }
    if present != nil || next.present != nil {
      joined.present =
        (present ?? Array(repeating: true, count: rows))
        + (next.present ?? Array(repeating: true, count: nextRows))
    }
    return joined
  }
}

/// What a prepared file says of a field's numbers, for fields that are made of them again.
struct RawDescription: Equatable {
  /// Names of classes of a label.
  var classes: [String]?
  /// The number of classes or ids, where they have no names.
  var classCount: Int?
  /// The texts of ids.
  var words: [ByteString]?
  /// The id of what is unknown.
  var unknown: Int64?
  /// Samples a second of a sound.
  var rate: Int?
}
