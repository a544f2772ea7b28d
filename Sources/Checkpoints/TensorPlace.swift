import Parameters

/// Where a tensor lies in the canonical order of parameters, so that a checkpoint explains itself.
public struct TensorPlace: Sendable, Equatable, Codable {
  /// Its dotted path.
  public let name: String
  /// Its first scalar's place.
  public let start: Int
  /// Extents, slowest first.
  public let shape: [Int]

  /// The place of a slot.
  public init(_ slot: ParameterSlot) {
    name = slot.name
    start = slot.offset
    shape = slot.shape
  }

  /// Its stretch of the canonical order; nil for extents that no memory holds.
  public var range: Range<Int>? {
    var count = 1
    for extent in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      guard extent >= 0, !overflow else { return nil }
      count = product
    }
    let (end, overflow) = start.addingReportingOverflow(count)
    return start >= 0 && !overflow ? start..<end : nil
  }

  /// Checks that tensors tile `0 ..< count` in order.
  ///
  /// - Throws: `CheckpointError` `damaged` naming the first that does not.
  static func check(_ tensors: [TensorPlace], count: Int) throws {
    var end = 0
    for tensor in tensors {
      guard let range = tensor.range, range.lowerBound == end, range.upperBound <= count else {
        throw CheckpointError(
          .damaged,
          "the tensor '\(tensor.name)' \(tensor.shape) at \(tensor.start) does not follow scalar \(end) of"
            + " \(count)")
      }
      end = range.upperBound
    }
    guard end == count else {
      throw CheckpointError(.damaged, "its tensors end at scalar \(end), expected \(count)")
    }
  }
}
