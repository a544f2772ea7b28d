import Tensors

extension Optimizer {
  /// `Σ g²` of a whole gradient over what the optimizer moves: the square of ``GlobalNorm``'s kind.
  ///
  /// - Parameter gradient: P scalars in canonical order, of one microbatch or of several.
  /// - Returns: the sum, added up piece by piece in canonical order.
  /// - Cost: one pass over P scalars.
  public func squaredNorm(_ gradient: UnsafePointer<Float>) -> Double {
    var sum = 0.0
    for index in 0..<pieces.count where pieces[index].action == .move {
      sum += squaredNorm(pieces[index]) { gradient + $0 }
    }
    return sum
  }
}
