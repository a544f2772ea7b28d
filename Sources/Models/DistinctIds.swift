/// The distinct ones of some ids, ascending: sorted by digits of 11 bits, the lowest first.
///
/// - Parameters:
///   - ids: each in `0 ..< limit`.
///   - limit: the number of possible ids.
/// - Returns: each once.
/// - Cost: a pass over the ids for every 11 bits of `limit`, and room for as many again.
func distinctIds(_ ids: [Int64], below limit: Int64) -> [Int64] {
  var (sorted, room) = (ids, ids)
  let bits = Int64.bitWidth - max(0, limit - 1).leadingZeroBitCount
  var ends = [Int](repeating: 0, count: 1 << 11)
  for shift in stride(from: 0, to: Int64(bits), by: 11) {
    for digit in ends.indices { ends[digit] = 0 }
    for id in sorted { ends[Int(id >> shift & 0x7FF)] += 1 }
    var end = 0
    for digit in ends.indices {
      (ends[digit], end) = (end, end + ends[digit])
    }
    // Now the place of a digit's next id.
    for id in sorted {
      let digit = Int(id >> shift & 0x7FF)
      room[ends[digit]] = id
      ends[digit] += 1
    }
    swap(&sorted, &room)
  }
  var count = 0
  for id in sorted where count == 0 || sorted[count - 1] != id {
    sorted[count] = id
    count += 1
  }
  sorted.removeLast(sorted.count - count)
  return sorted
}
