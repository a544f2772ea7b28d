import Buffers
import Parameters
import Tensors

extension Optimizer {
  /// `Σ g²` of a whole gradient over what the optimizer moves of it, which is all but sharded tables: the square of ``GlobalNorm``'s kind.
  ///
  /// - Parameters:
  ///   - gradient: P scalars in canonical order, of one microbatch or of several.
  ///   - mask: which parameters count; nil: all.
  /// - Returns: the sum, added up piece by piece in canonical order.
  /// - Cost: one pass over P scalars.
  public func squaredNorm(
    _ gradient: UnsafePointer<Float>, live mask: ParameterMask? = nil
  ) -> Double {
    var sum = 0.0
    let room = HostBuffer<Float>(count: mask == nil ? 0 : ParameterLayout.blockSize)
    for index in 0..<pieces.count where pieces[index].action == .move && !pieces[index].isSharded {
      let piece = pieces[index]
      guard let mask else {
        sum += squaredNorm(piece) { gradient + $0 }
        continue
      }
      room.base.update(from: gradient + piece.start, count: piece.count)
      mask.clearDead(piece.start..<piece.start + piece.count, in: room.base)
      sum += squaredNorm(piece) { UnsafePointer(room.base) + ($0 - piece.start) }
    }
    return sum
  }
}
