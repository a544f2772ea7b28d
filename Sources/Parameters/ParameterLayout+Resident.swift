// Sharded tables leave holes in the canonical order, where no rank has memory.

extension ParameterLayout {
  /// What lies outside of sharded tables, as ascending stretches of the canonical order.
  public var residentRanges: [Range<Int>] {
    var ranges: [Range<Int>] = []
    var start = 0
    for slot in slots where slot.table == .sharded {
      if start < slot.offset { ranges.append(start..<slot.offset) }
      start = slot.range.upperBound
    }
    if start < count { ranges.append(start..<count) }
    return ranges
  }

  /// The scalars outside of sharded tables.
  public var residentCount: Int { residentRanges.reduce(0) { $0 + $1.count } }

  /// The blocks that hold anything but rows of sharded tables, as ascending runs with a gap between.
  public var residentBlocks: [Range<Int>] {
    var runs: [Range<Int>] = []
    for range in residentRanges {
      let first = range.lowerBound / Self.blockSize
      let end = (range.upperBound + Self.blockSize - 1) / Self.blockSize
      if let last = runs.last, last.upperBound >= first {
        runs[runs.count - 1] = last.lowerBound..<max(last.upperBound, end)
      } else {
        runs.append(first..<end)
      }
    }
    return runs
  }

  /// The bytes of Float32 in canonical order that hold anything but rows of sharded tables.
  ///
  /// - Parameters:
  ///   - part: a stretch of bytes, whose part outside of sharded tables is wanted.
  ///   - start: where the first scalar lies.
  /// - Returns: ascending stretches within `part`; all of it where no table is sharded.
  public func residentBytes(in part: Range<Int>, from start: Int = 0) -> [Range<Int>] {
    guard slots.contains(where: { $0.table == .sharded }) else { return [part] }
    let scalar = MemoryLayout<Float>.stride
    return residentRanges.map {
      (start + $0.lowerBound * scalar..<start + $0.upperBound * scalar).clamped(to: part)
    }.filter { !$0.isEmpty }
  }
}
