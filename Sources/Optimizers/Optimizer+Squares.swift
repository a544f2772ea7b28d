import Tensors

extension Optimizer {
  /// `Σ g²` of a whole gradient over what the optimizer moves of it, which is all but sharded tables: the square of ``GlobalNorm``'s kind.
  ///
  /// - Parameter gradient: P scalars in canonical order, of one microbatch or of several.
  /// - Returns: the sum, added up piece by piece in canonical order.
  /// - Cost: one pass over P scalars.
  public func squaredNorm(_ gradient: UnsafePointer<Float>) -> Double {
    var sum = 0.0
    for index in 0..<pieces.count where pieces[index].action == .move && !pieces[index].isSharded {
      sum += squaredNorm(pieces[index]) { gradient + $0 }
    }
    return sum
  }
}
