extension Crew {
  /// Makes `count` things, each on one rank, and brings them all to every rank.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - make: makes one of them; it must not depend on the rank.
  /// - Returns: all of them, in order.
  /// - Throws: what `make` or the transport throws.
  func divide(_ count: Int, _ make: (Int) throws -> [UInt8]) throws -> [[UInt8]] {
    var own = ByteWriter()
    // Neighbours are alike in size, so taking turns shares the work best.
    for index in stride(from: rank, to: count, by: ranks) { own.append(try make(index)) }
    var things = [[UInt8]](repeating: [], count: count)
    for (rank, part) in try allGather(own.bytes).enumerated() {
      var reader = ByteReader(part)
      for index in stride(from: rank, to: count, by: ranks) { things[index] = reader.bytes() }
    }
    return things
  }
}
