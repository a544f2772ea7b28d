import Parameters

/// A stretch of a lane that travels in one form, chosen per message among those that fit it.
package struct WireSegment: Equatable {
  /// Its place in the canonical order.
  package let range: Range<Int>
  /// Rows of which some may be left out, or nil where all scalars travel.
  let rows: Rows?
  /// Whether numbers travel as bfloat16.
  let isHalf: Bool

  /// A grid of rows; the first and the last of a segment may be cut.
  struct Rows: Equatable {
    /// Where row 0 of the segment begins, at or before the segment.
    let origin: Int
    /// Scalars of a row.
    let width: Int
  }

  /// What a message carries.
  package enum Direction {
    /// Partial sums of a gradient: a row left out is zero.
    case sums
    /// New weights: a row left out has not changed.
    case weights
  }

  /// How many rows, cut ones too.
  var rowCount: Int {
    guard let rows else { return 0 }
    return (range.upperBound - rows.origin + rows.width - 1) / rows.width
  }

  /// The scalars of a row, counted from the segment's start.
  func scalars(ofRow row: Int) -> Range<Int> {
    guard let rows else { return 0..<range.count }
    let start = rows.origin + row * rows.width
    return max(start, range.lowerBound) - range.lowerBound..<min(
      start + rows.width, range.upperBound) - range.lowerBound
  }

  /// Cuts a stretch of a layout into segments; neighbours that travel alike are one.
  static func cut(
    _ range: Range<Int>, of layout: ParameterLayout, _ format: WireFormat, _ direction: Direction
  ) -> [WireSegment] {
    var segments: [WireSegment] = []
    for slot in layout.slots where slot.range.overlaps(range) && !slot.range.isEmpty {
      let part = slot.range.clamped(to: range)
      var next = segment(slot, part, format, direction)
      if let last = segments.last, last.isHalf == next.isHalf, joins(last.rows, next.rows) {
        segments.removeLast()
        next = WireSegment(
          range: last.range.lowerBound..<part.upperBound, rows: last.rows, isHalf: last.isHalf)
      }
      segments.append(next)
    }
    return segments
  }

  private static func segment(
    _ slot: ParameterSlot, _ part: Range<Int>, _ format: WireFormat, _ direction: Direction
  ) -> WireSegment {
    guard slot.role == .trainable else {
      return WireSegment(range: part, rows: nil, isHalf: false)
    }
    var rows: Rows?
    if format.topK != nil, slot.count >= WireFormat.TopK.leastScalars {
      rows = Rows(origin: part.lowerBound, width: 1)
    } else if slot.isTable, let count = slot.shape.first {
      let width = slot.count / count
      rows = Rows(origin: part.lowerBound - (part.lowerBound - slot.offset) % width, width: width)
    }
    return WireSegment(
      range: part, rows: rows, isHalf: format == .bfloat16 && direction == .sums)
  }

  /// Whether segments with these rows make one: both whole, or both single scalars.
  private static func joins(_ first: Rows?, _ second: Rows?) -> Bool {
    if first == nil && second == nil { return true }
    return first?.width == 1 && second?.width == 1
  }
}
