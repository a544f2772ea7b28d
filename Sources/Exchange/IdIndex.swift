/// Finds the place of an id in a list: a hash table of open addressing with linear probing, rebuilt for each
/// list.
///
/// Half of its slots stay empty, so a search looks at one or two neighbours, whatever the ids are: they are
/// scattered by the golden ratio (Knuth, "The Art of Computer Programming" 3, section 6.4).
struct IdIndex: ~Copyable {
  private var slots = GrowingBuffer<Slot>()
  private var shift: UInt64 = 64

  struct Slot {
    /// An id of the list.
    var id: Int64
    /// Its place in the list; -1 where the slot is empty.
    var place: Int
  }

  /// Takes a list of distinct ids.
  ///
  /// - Cost: proportional to their number.
  mutating func rebuild(_ ids: [Int64]) {
    let bits = max(1, Int.bitWidth - (2 * max(ids.count, 1) - 1).leadingZeroBitCount)
    shift = UInt64(64 - bits)
    slots.removeAll()
    let room = slots.extend(by: 1 << bits)
    room.update(repeating: Slot(id: 0, place: -1), count: 1 << bits)
    for (place, id) in ids.enumerated() {
      var slot = home(of: id)
      while room[slot].place >= 0 { slot = (slot + 1) & (slots.count - 1) }
      room[slot] = Slot(id: id, place: place)
    }
  }

  /// Writes the place of each of some ids, all of them of the list.
  func places(of ids: UnsafeBufferPointer<Int64>, into places: UnsafeMutablePointer<Int64>) {
    let (room, mask) = (slots.base, slots.count - 1)
    for (number, id) in ids.enumerated() {
      var slot = home(of: id)
      while room[slot].id != id || room[slot].place < 0 {
        precondition(room[slot].place >= 0, "row \(id) was not fetched")
        slot = (slot + 1) & mask
      }
      places[number] = Int64(room[slot].place)
    }
  }

  @inline(__always)
  private func home(of id: Int64) -> Int {
    Int((UInt64(bitPattern: id) &* 0x9E37_79B9_7F4A_7C15) >> shift)
  }
}
