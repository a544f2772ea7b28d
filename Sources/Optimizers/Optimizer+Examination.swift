import Buffers
import Tensors

// What one rank looks at in the gradient of a microbatch, before it is added to others.

extension Optimizer {
  /// The first parameter, from the end of the canonical order, with a NaN or infinity in a gradient.
  ///
  /// Looks at what the optimizer moves and at statistics, of lazy tables at touched rows, not at sharded ones.
  ///
  /// - Parameters:
  ///   - gradient: P scalars in canonical order, of one microbatch or of several.
  ///   - range: places that are final; begins and ends where slots do.
  /// - Returns: the name of the slot, nil if all of it is finite.
  /// - Cost: one pass over the range.
  public func lastNonFinite(in gradient: UnsafePointer<Float>, _ range: Range<Int>) -> String? {
    for index in pieces.range(within: range).reversed() {
      let piece = pieces[index]
      guard piece.action != .leave, !piece.isSharded, !isFinite(piece, gradient) else { continue }
      return slotNames[piece.slot]
    }
    return nil
  }

  /// A checksum over the bits of what the optimizer reads of a gradient, sharded tables left out.
  ///
  /// - Parameter gradient: P scalars in canonical order.
  /// - Returns: equal for equal bits.
  /// - Cost: one pass over P scalars.
  public func checksum(of gradient: UnsafePointer<Float>) -> UInt64 {
    var sum: UInt64 = 0
    for index in 0..<pieces.count {
      let piece = pieces[index]
      guard piece.action != .leave, !piece.isSharded else { continue }
      forEachMoved(piece) { part in
        let bytes = UnsafeRawBufferPointer(
          UnsafeBufferPointer(start: gradient + part.start, count: part.count))
        // The places of equal parts must tell them apart.
        sum = (sum &+ checksum64(bytes)) &* 0x9E37_79B9_7F4A_7C15
      }
    }
    return sum
  }

  private func isFinite(_ piece: Piece, _ gradient: UnsafePointer<Float>) -> Bool {
    var isFinite = true
    forEachMoved(piece) { part in
      isFinite = isFinite && Kernels.isFinite(part.count, gradient + part.start)
    }
    return isFinite
  }
}
