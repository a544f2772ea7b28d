import Buffers

/// The pairs of a global batch, or of a split, and the distance of the covariances of their two sides.
///
/// Sun and Saenko, "Deep CORAL: correlation alignment for deep domain adaptation", 2016: with the covariances
/// `C = X_cᵀ X_c / (n − 1)` of n centred vectors of d numbers, the loss is `‖C_a − C_b‖² / (4 d²)`, the sum of
/// squares over the entries. Its gradient by the first side is `X_c (C_a − C_b) / (d² (n − 1))`, by the second
/// the same with the other sign. Sums are Float64, in the order of the pairs, so the bits depend on the batch
/// alone. Fewer than two pairs have no covariance and the loss 0.
public final class CovarianceAlignment {
  /// n: pairs at present.
  public private(set) var count = 0
  /// d: numbers of a vector.
  public let width: Int
  /// The most pairs.
  public let capacity: Int

  private let sides: [Side]
  /// `C_a − C_b`, `[d, d]`.
  private let difference: HostBuffer<Double>
  private let row: HostBuffer<Double>

  private final class Side {
    let values: HostBuffer<Float>
    let mean: HostBuffer<Double>

    init(_ capacity: Int, _ width: Int) {
      values = HostBuffer(count: capacity * width)
      mean = HostBuffer(count: width)
    }
  }

  /// An empty batch.
  ///
  /// - Parameters:
  ///   - capacity: the most pairs.
  ///   - width: d.
  public init(capacity: Int, width: Int) {
    (self.capacity, self.width) = (capacity, width)
    sides = [Side(capacity, width), Side(capacity, width)]
    difference = HostBuffer(count: width * width)
    row = HostBuffer(count: width)
  }

  /// Forgets all pairs.
  public func removeAll() { count = 0 }

  /// Adds a pair of d numbers each; its number is ``count`` before.
  public func append(first: UnsafePointer<Float>, second: UnsafePointer<Float>) {
    precondition(count < capacity, "a batch of more than \(capacity) pairs")
    for (side, vector) in zip(sides, [first, second]) {
      (side.values.base + count * width).update(from: vector, count: width)
    }
    count += 1
  }

  /// The loss of all pairs; after it, ``gradient(_:factor:first:second:)`` may be called.
  ///
  /// - Cost: 2 n d² floating-point operations.
  public func measure() -> Double {
    difference.base.update(repeating: 0, count: width * width)
    guard count > 1 else { return 0 }
    addCovariance(of: sides[0], factor: 1 / Double(count - 1))
    addCovariance(of: sides[1], factor: -1 / Double(count - 1))
    var sum = 0.0
    for a in 0..<width {
      for b in a..<width {
        let entry = difference[a * width + b]
        difference[b * width + a] = entry
        sum += (a == b ? 1 : 2) * entry * entry
      }
    }
    return sum / (4 * Double(width * width))
  }

  /// Adds `factor · X_cᵀ X_c` to the upper half of the difference.
  private func addCovariance(of side: Side, factor: Double) {
    let mean = side.mean.base
    mean.update(repeating: 0, count: width)
    for pair in 0..<count {
      let x = side.values.base + pair * width
      for place in 0..<width { mean[place] += Double(x[place]) }
    }
    for place in 0..<width { mean[place] /= Double(count) }
    let centred = row.base
    for pair in 0..<count {
      let x = side.values.base + pair * width
      for place in 0..<width { centred[place] = Double(x[place]) - mean[place] }
      for a in 0..<width {
        let (line, share) = (difference.base + a * width, factor * centred[a])
        for b in a..<width { line[b] += share * centred[b] }
      }
    }
  }

  /// The gradient of the loss by the vectors of a run of pairs.
  ///
  /// - Parameters:
  ///   - own: the pairs.
  ///   - factor: what the loss is multiplied by.
  ///   - first: receives `[own, d]`.
  ///   - second: receives `[own, d]`.
  /// - Cost: 4 own · d² floating-point operations.
  public func gradient(
    _ own: Range<Int>, factor: Double, first: UnsafeMutablePointer<Float>,
    second: UnsafeMutablePointer<Float>
  ) {
    let scale = count > 1 ? factor / (Double(width * width) * Double(count - 1)) : 0
    turn(sides[0], own, by: scale, into: first)
    turn(sides[1], own, by: -scale, into: second)
  }

  private func turn(
    _ side: Side, _ own: Range<Int>, by scale: Double, into output: UnsafeMutablePointer<Float>
  ) {
    let sums = row.base
    for (place, pair) in own.enumerated() {
      let x = side.values.base + pair * width
      sums.update(repeating: 0, count: width)
      for a in 0..<width {
        let (line, share) = (difference.base + a * width, Double(x[a]) - side.mean[a])
        for b in 0..<width { sums[b] += share * line[b] }
      }
      for b in 0..<width { output[place * width + b] = Float(scale * sums[b]) }
    }
  }
}
