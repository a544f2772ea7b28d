import Buffers

/// Who interacted with whom, seen from one side: for each of this rank's rows the partners and values.
///
/// A row is a user with the items as partners, or the other way round. Rows keep the order of the
/// file, so what is computed from one depends on that row alone and not on the ranks.
final class Incidence {
  /// Every rank's rows, in rank order.
  let parts: [Range<Int>]
  /// This rank's rows.
  let rows: Range<Int>
  /// Where each row's partners begin, `rows.count + 1` numbers.
  private let offsets: HostBuffer<Int>
  /// Where each row's partners end: before the next row begins, where repeated ones were merged.
  private let ends: HostBuffer<Int>
  private let partners: HostBuffer<Int32>
  private let values: HostBuffer<Float>

  /// Empty rows for one rank's part.
  ///
  /// - Parameters:
  ///   - degrees: how many partners each row of all ranks has.
  ///   - rowCost: what a row costs beside its partners, in partners.
  ///   - rank: this rank.
  ///   - ranks: R.
  init(degrees: [Int32], rowCost: Int, rank: Int, of ranks: Int) {
    parts = Self.balanced(degrees.count, parts: ranks) { rowCost + Int(degrees[$0]) }
    rows = parts[rank]
    offsets = HostBuffer(count: rows.count + 1)
    ends = HostBuffer(count: rows.count)
    var total = 0
    for (index, row) in rows.enumerated() {
      ends.base[index] = total
      total += Int(degrees[row])
      offsets.base[index + 1] = total
    }
    partners = HostBuffer(count: total)
    values = HostBuffer(count: total)
  }

  /// Appends a partner where the row is this rank's.
  @inline(__always)
  func add(row: Int, partner: Int, value: Float) {
    guard rows.contains(row) else { return }
    let place = ends.base[row - rows.lowerBound]
    precondition(place < offsets.base[row - rows.lowerBound + 1], "a row grew while it was read")
    partners.base[place] = Int32(truncatingIfNeeded: partner)
    values.base[place] = value
    ends.base[row - rows.lowerBound] = place + 1
  }

  /// Makes one of the partners that a row has several times, with the sum of their values, where the first
  /// of them stands.
  ///
  /// Values are added in the order of the file, so both sides and any number of ranks get the same sums.
  ///
  /// - Parameter count: how many partners there are.
  func mergeRepeated(partners count: Int) {
    let places = HostBuffer<Int>(count: count)
    places.all.update(repeating: -1)
    for index in 0..<rows.count {
      let start = offsets.base[index]
      var end = start
      for place in start..<ends.base[index] {
        let partner = Int(partners.base[place])
        // What an earlier row left lies before this one.
        if places.base[partner] >= start {
          values.base[places.base[partner]] += values.base[place]
          continue
        }
        places.base[partner] = end
        partners.base[end] = partners.base[place]
        values.base[end] = values.base[place]
        end += 1
      }
      ends.base[index] = end
    }
  }

  /// The partners of one of this rank's rows.
  func partners(of row: Int) -> UnsafeBufferPointer<Int32> {
    let range = range(of: row)
    return UnsafeBufferPointer(start: partners.base + range.lowerBound, count: range.count)
  }

  /// The values of one of this rank's rows, as many as its partners.
  func values(of row: Int) -> UnsafePointer<Float> {
    UnsafePointer(values.base + range(of: row).lowerBound)
  }

  private func range(of row: Int) -> Range<Int> {
    let index = row - rows.lowerBound
    return offsets.base[index]..<ends.base[index]
  }

  /// Cuts `0 ..< count` into runs of about equal cost.
  static func balanced(_ count: Int, parts: Int, cost: (Int) -> Int) -> [Range<Int>] {
    let total = (0..<count).reduce(0) { $0 + cost($1) }
    var bounds = [0]
    var sum = 0
    for row in 0..<count {
      // The boundary before this row, as often as a share ends there.
      while bounds.count < parts, sum >= bounds.count * total / parts, sum > 0 {
        bounds.append(row)
      }
      sum += cost(row)
    }
    while bounds.count <= parts { bounds.append(count) }
    return (0..<parts).map { bounds[$0]..<bounds[$0 + 1] }
  }
}
