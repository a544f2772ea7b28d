import Glibc
import Tensors

/// A list of ids sorted into its distinct rows, in memory that is used again for the next list.
///
/// Keys of id and place are sorted by digits, the lowest first, so that the places of a row ascend.
package final class RowGrouping {
  private var list = GrowingBuffer<Int64>()
  private var rows = GrowingBuffer<Int64>()
  private var starts = GrowingBuffer<Int32>()
  private var places = GrowingBuffer<Int32>()
  private var keys = GrowingBuffer<UInt64>()
  private var room = GrowingBuffer<UInt64>()
  private var counts = GrowingBuffer<Int>()

  /// The most bits of a digit.
  private static let digitBits = 11

  /// No list yet.
  package init() {}

  /// The distinct rows, ascending, and their places in the list; valid until the next list.
  package var groups: RowGroups {
    RowGroups(count: rows.count, rows: rows.base, starts: starts.base, places: places.base)
  }

  /// Whether these are the ids that were grouped, in their order.
  package func isOf(_ ids: UnsafeBufferPointer<Int64>) -> Bool {
    guard ids.count == list.count else { return false }
    guard let base = ids.baseAddress else { return true }
    return memcmp(base, list.base, ids.count * MemoryLayout<Int64>.stride) == 0
  }

  /// Groups a list.
  ///
  /// - Parameters:
  ///   - ids: the list; those outside `0 ..< limit` belong to no row.
  ///   - limit: the number of possible rows.
  /// - Cost: three passes over the ids, and one more for every 11 bits of `limit`.
  package func group(_ ids: UnsafeBufferPointer<Int64>, below limit: Int) {
    list.removeAll()
    list.append(ids)
    let shift = UInt64(Int.bitWidth - ids.count.leadingZeroBitCount)
    let bits = max(1, Int.bitWidth - max(0, limit - 1).leadingZeroBitCount)
    precondition(bits + Int(shift) <= UInt64.bitWidth, "\(ids.count) ids of \(limit) rows")
    keys.removeAll()
    let unsorted = keys.extend(by: ids.count)
    var count = 0
    for (place, id) in ids.enumerated() where id >= 0 && id < limit {
      unsorted[count] = UInt64(id) &<< shift | UInt64(place)
      count += 1
    }
    split(sorted(count, bits: bits, above: shift), count, shift)
  }

  /// The first keys, ascending from a bit on; those equal from there stay as they came.
  private func sorted(_ count: Int, bits: Int, above shift: UInt64) -> UnsafeMutablePointer<UInt64>
  {
    let passes = (bits + Self.digitBits - 1) / Self.digitBits
    let digitBits = (bits + passes - 1) / passes
    let mask = UInt64(1) << UInt64(digitBits) - 1
    counts.removeAll()
    room.removeAll()
    let ends = counts.extend(by: 1 << digitBits)
    var (from, to) = (keys.base, room.extend(by: count))
    for pass in 0..<passes {
      let low = shift + UInt64(pass * digitBits)
      ends.update(repeating: 0, count: 1 << digitBits)
      for number in 0..<count { ends[Int(from[number] &>> low & mask)] += 1 }
      var end = 0
      for digit in 0..<1 << digitBits { (ends[digit], end) = (end, end + ends[digit]) }
      // Now the place of a digit's next key.
      for number in 0..<count {
        let digit = Int(from[number] &>> low & mask)
        to[ends[digit]] = from[number]
        ends[digit] += 1
      }
      swap(&from, &to)
    }
    return from
  }

  /// Takes sorted keys apart.
  private func split(_ keys: UnsafeMutablePointer<UInt64>, _ count: Int, _ shift: UInt64) {
    rows.removeAll()
    starts.removeAll()
    places.removeAll()
    let (rows, starts) = (self.rows.extend(by: count), self.starts.extend(by: count + 1))
    let places = self.places.extend(by: count)
    let mask = UInt64(1) << shift - 1
    var (row, last) = (-1, Int64(-1))
    for number in 0..<count {
      let id = Int64(keys[number] &>> shift)
      row += id == last ? 0 : 1
      last = id
      rows[row] = id
      starts[row + 1] = Int32(number + 1)
      places[number] = Int32(keys[number] & mask)
    }
    starts[0] = 0
    self.rows.shorten(to: row + 1)
    self.starts.shorten(to: row + 2)
  }
}
