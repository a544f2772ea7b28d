import Buffers
import Parameters

/// How the values of one lane are written as a message, and read from it.
///
/// A message is, for each segment in order: the form, the number of rows (0 where there are none), the
/// rows' ids, the numbers; all in 32-bit words. The sender chooses the form that takes the fewest words,
/// so that a message is never longer than the values as they lie, plus two words per segment. Ids
/// count rows from the segment's start. Values, rows and live entries that travel keep all their bits,
/// except in segments of bfloat16.
package final class WireCode {
  /// What a segment's numbers are.
  private enum Form: UInt32 {
    /// All scalars.
    case all = 0
    /// Live scalars.
    case live = 1
    /// Some rows, after their ids.
    case rows = 2
  }

  /// What travels, in order.
  package let segments: [WireSegment]
  /// Words of the longest message.
  package let capacity: Int
  private let start: Int
  private let direction: WireSegment.Direction
  private let mask: ParameterMask?
  /// Live scalars of each segment, or all where packing does not pay.
  private let counts: [Int]
  private var rooms: [WordArray] = []

  /// Live entries are packed up to this share of a segment.
  ///
  /// At a half, scattered entries cost 1.7 ms to pack and 2.0 ms to unpack per million scalars, as long as
  /// a link of 4 Gbit/s takes for the bytes saved; at a quarter it is one of 10 Gbit/s.
  package static let packingShare = 0.5
  private static let singlesAtOnce = 16

  /// The code of a lane.
  ///
  /// - Returns: nil where values travel as they lie, without a copy.
  package init?(
    _ range: Range<Int>, of layout: ParameterLayout, _ format: WireFormat,
    _ direction: WireSegment.Direction, mask: ParameterMask?
  ) {
    let segments = WireSegment.cut(range, of: layout, format, direction)
    let counts = segments.map { segment in
      guard let live = mask?.liveCount(in: segment.range) else { return segment.range.count }
      let isWorthIt = Double(live) <= Self.packingShare * Double(segment.range.count)
      return isWorthIt ? live : segment.range.count
    }
    let isPlain = zip(segments, counts).allSatisfy { segment, count in
      segment.rows == nil && !segment.isHalf && count == segment.range.count
    }
    guard !isPlain else { return nil }
    self.segments = segments
    self.counts = counts
    self.direction = direction
    self.mask = mask
    start = range.lowerBound
    capacity = zip(segments, counts).reduce(0) {
      $0 + 2 + WireValues.words($1.1, isHalf: $1.0.isHalf)
    }
  }

  /// Whether old weights decide what travels.
  var compares: Bool { direction == .weights && segments.contains { $0.rows != nil } }

  /// Room for the `number`th message that is in flight at the same time.
  func room(_ number: Int) -> UnsafeMutablePointer<UInt32> {
    while rooms.count <= number { rooms.append(WordArray(capacity)) }
    return rooms[number].base
  }

  /// Bytes of all rooms.
  var memoryBytes: Int { rooms.count * capacity * MemoryLayout<UInt32>.stride }

  /// Writes a message.
  ///
  /// - Parameters:
  ///   - values: the lane's scalars.
  ///   - old: what the receiver has, where the direction is weights and ``compares`` says so.
  ///   - words: ``capacity`` words.
  /// - Returns: words written.
  package func encode(
    _ values: UnsafePointer<Float>, since old: UnsafePointer<Float>?,
    into words: UnsafeMutablePointer<UInt32>
  ) -> Int {
    var next = words
    for (segment, count) in zip(segments, counts) {
      let offset = segment.range.lowerBound - start
      let most = WireValues.words(count, isHalf: segment.isHalf)
      if segment.rows != nil,
        let written = encodeRows(
          segment, values + offset, since: old.map { $0 + offset }, below: most, into: next)
      {
        next += written
        continue
      }
      let isPacked = count < segment.range.count
      next[0] = (isPacked ? Form.live : Form.all).rawValue
      next[1] = 0
      var numbers = WireValues(at: next + 2, isHalf: segment.isHalf)
      if isPacked {
        forEachLivePiece(of: segment) { range, place, packed, length in
          mask?.pack(range, from: values + offset + place, into: packed)
          numbers.append(packed, length)
        }
      } else {
        numbers.append(values + offset, count)
      }
      next += 2 + most
    }
    return next - words
  }

  /// Writes the rows that are not all +0, or that are not the old ones; nil where that takes `most`
  /// words or more.
  ///
  /// Bits are compared, not numbers: a row of −0 travels.
  private func encodeRows(
    _ segment: WireSegment, _ values: UnsafePointer<Float>, since old: UnsafePointer<Float>?,
    below most: Int, into words: UnsafeMutablePointer<UInt32>
  ) -> Int? {
    let ids = words + 2
    guard let (found, scalars) = findRows(segment, values, since: old, below: most, into: ids)
    else { return nil }
    words[0] = Form.rows.rawValue
    words[1] = UInt32(found)
    var numbers = WireValues(at: ids + found, isHalf: segment.isHalf)
    for index in 0..<found {
      let part = segment.scalars(ofRow: Int(ids[index]))
      numbers.append(values + part.lowerBound, part.count)
    }
    return 2 + found + WireValues.words(scalars, isHalf: segment.isHalf)
  }

  /// Writes the ids of the rows that travel.
  ///
  /// - Returns: how many they are, and their scalars; nil where the segment would take `most` words.
  private func findRows(
    _ segment: WireSegment, _ values: UnsafePointer<Float>, since old: UnsafePointer<Float>?,
    below most: Int, into ids: UnsafeMutablePointer<UInt32>
  ) -> (found: Int, scalars: Int)? {
    var (found, scalars) = (0, 0)
    // Single scalars are few among many: look at several at once.
    let atOnce = segment.rows?.width == 1 ? Self.singlesAtOnce : 1
    for first in stride(from: 0, to: segment.rowCount, by: atOnce) {
      let rows = first..<min(first + atOnce, segment.rowCount)
      let start = segment.scalars(ofRow: first).lowerBound
      let all = start..<segment.scalars(ofRow: rows.upperBound - 1).upperBound
      guard Self.travels(values + start, old.map { $0 + start }, all.count) else { continue }
      for row in rows {
        let part = segment.scalars(ofRow: row)
        guard
          atOnce == 1
            || Self.travels(values + part.lowerBound, old.map { $0 + part.lowerBound }, part.count)
        else { continue }
        scalars += part.count
        let words = found + 1 + WireValues.words(scalars, isHalf: segment.isHalf)
        guard words < most else { return nil }
        ids[found] = UInt32(row)
        found += 1
      }
    }
    return (found, scalars)
  }

  /// Whether a row has another bit than the old one, or than +0.
  @inline(__always)
  private static func travels(
    _ values: UnsafePointer<Float>, _ old: UnsafePointer<Float>?, _ count: Int
  ) -> Bool {
    var bits: UInt32 = 0
    if let old {
      for index in 0..<count { bits |= values[index].bitPattern ^ old[index].bitPattern }
    } else {
      for index in 0..<count { bits |= values[index].bitPattern }
    }
    return bits != 0
  }

  /// Reads a message.
  ///
  /// - Parameters:
  ///   - words: what ``encode(_:since:into:)`` wrote, with the same layout, format and mask.
  ///   - values: the lane's scalars; of sums those that did not travel become +0, of weights they stay.
  package func decode(
    _ words: UnsafeMutablePointer<UInt32>, into values: UnsafeMutablePointer<Float>
  ) {
    var next = words
    for (segment, count) in zip(segments, counts) {
      let target = values + (segment.range.lowerBound - start)
      guard let form = Form(rawValue: next[0]) else {
        preconditionFailure("a message of unknown form \(next[0])")
      }
      let found = Int(next[1])
      if direction == .sums, form != .all {
        target.update(repeating: 0, count: segment.range.count)
      }
      var numbers = WireValues(at: next + 2 + found, isHalf: segment.isHalf)
      var taken = segment.range.count
      switch form {
      case .all: numbers.take(target, taken)
      case .live:
        taken = count
        forEachLivePiece(of: segment) { range, place, packed, length in
          numbers.take(packed, length)
          mask?.unpack(range, from: packed, into: target + place)
        }
      case .rows:
        taken = 0
        for index in 0..<found {
          let part = segment.scalars(ofRow: Int(next[2 + index]))
          numbers.take(target + part.lowerBound, part.count)
          taken += part.count
        }
      }
      next += 2 + found + WireValues.words(taken, isHalf: segment.isHalf)
    }
  }

  /// Visits a segment block by block, with room for the live scalars of one.
  private func forEachLivePiece(
    of segment: WireSegment,
    _ body: (
      _ range: Range<Int>, _ place: Int, _ packed: UnsafeMutablePointer<Float>, _ live: Int
    ) -> Void
  ) {
    let length = ParameterLayout.blockSize
    withUnsafeTemporaryAllocation(of: Float.self, capacity: length) { room in
      guard let packed = room.baseAddress, let mask else { return }
      for first in stride(from: segment.range.lowerBound, to: segment.range.upperBound, by: length)
      {
        let range = first..<min(first + length, segment.range.upperBound)
        body(range, first - segment.range.lowerBound, packed, mask.liveCount(in: range))
      }
    }
  }
}

/// Words in an array of arrays, which a `~Copyable` buffer cannot be in.
final class WordArray {
  private let buffer: HostBuffer<UInt32>
  /// The first word.
  let base: UnsafeMutablePointer<UInt32>

  init(_ count: Int) {
    buffer = HostBuffer(count: count)
    base = buffer.base
  }
}
