import Exchange
import Glibc

/// The weights that feed one output each, as they lie in a tensor.
package struct WeightGroups {
  /// Outputs.
  package let count: Int
  /// n: weights of each.
  package let size: Int
  /// Whether the weights of an output lie one behind the other; else the outputs do.
  package let isContiguous: Bool

  /// Groups of a tensor.
  package init(count: Int, size: Int, isContiguous: Bool) {
    (self.count, self.size, self.isContiguous) = (count, size, isContiguous)
  }

  /// Where a weight of a group lies in its tensor.
  @inline(__always)
  func place(_ group: Int, _ index: Int) -> Int {
    isContiguous ? group * size + index : index * count + group
  }
}

/// What weights become when they are held to a constraint.
///
/// Every function is of the values alone, in Float32 with norms in Float64 in the order of the weights; a weight of +0
/// stays +0, and one that is not finite does not become so.
package enum Projection {
  /// `−c ≤ w ≤ c`.
  package static func box(_ weights: UnsafeMutableBufferPointer<Float>, _ bound: Float) {
    for index in weights.indices {
      if weights[index] > bound { weights[index] = bound }
      if weights[index] < -bound { weights[index] = -bound }
    }
  }

  /// `w ← sign(w) max(|w| − t, 0)`, the proximal step of `t |w|` (Tibshirani 1996; Parikh and Boyd 2014).
  package static func shrink(_ weights: UnsafeMutableBufferPointer<Float>, by threshold: Float) {
    for index in weights.indices {
      let weight = weights[index]
      if weight.magnitude <= threshold {
        weights[index] = 0
      } else {
        weights[index] = weight > 0 ? weight - threshold : weight + threshold
      }
    }
  }

  /// `w ← w min(1, c / ‖w‖)` for each of some groups (Srebro, Rennie and Jaakkola 2005).
  package static func limitNorms(
    _ weights: UnsafeMutablePointer<Float>, _ groups: WeightGroups, _ some: Range<Int>,
    to bound: Double
  ) {
    scale(weights, groups, some) { $0 > bound ? bound / $0 : 1 }
  }

  /// `w ← w max(0, 1 − t √n / ‖w‖)` for each of some groups, the proximal step of `t √n ‖w‖` (Yuan and Lin 2006).
  package static func shrinkGroups(
    _ weights: UnsafeMutablePointer<Float>, _ groups: WeightGroups, _ some: Range<Int>,
    by threshold: Double
  ) {
    let least = threshold * Double(groups.size).squareRoot()
    scale(weights, groups, some) { $0 <= least ? 0 : 1 - least / $0 }
  }

  /// Keeps the `count` largest weights by magnitude, of equal ones the first, and makes the others +0 (iterative hard
  /// thresholding, Blumensath and Davies 2009).
  package static func keepLargest(_ weights: UnsafeMutableBufferPointer<Float>, _ count: Int) {
    guard let base = weights.baseAddress, count < weights.count else { return }
    WireSelection(base, weights.count, largest: count).forEach(base, weights.count) {
      index, isTaken in
      if !isTaken { base[index] = 0 }
    }
  }

  /// The least magnitude that a share of the weights does not exceed: the ⌈q n⌉-th smallest.
  package static func quantile(_ weights: UnsafeBufferPointer<Float>, _ share: Double) -> Float {
    guard let base = weights.baseAddress else { return 0 }
    let rank = max(1, min(weights.count, Int((share * Double(weights.count)).rounded(.up))))
    let selection = WireSelection(base, weights.count, largest: weights.count - rank + 1)
    return Float(bitPattern: selection.bits)
  }

  /// The largest norm of the groups.
  package static func largestNorm(
    _ weights: UnsafeBufferPointer<Float>, _ groups: WeightGroups
  ) -> Double {
    guard let base = weights.baseAddress else { return 0 }
    return (0..<groups.count).reduce(0) { max($0, norm(base, groups, $1)) }
  }

  private static func norm(
    _ weights: UnsafePointer<Float>, _ groups: WeightGroups, _ group: Int
  ) -> Double {
    var sum = 0.0
    for index in 0..<groups.size {
      let weight = Double(weights[groups.place(group, index)])
      sum += weight * weight
    }
    return sum.squareRoot()
  }

  /// Multiplies each of some groups by a function of its norm; factors of 1 leave it as it is.
  private static func scale(
    _ weights: UnsafeMutablePointer<Float>, _ groups: WeightGroups, _ some: Range<Int>,
    by factor: (_ norm: Double) -> Double
  ) {
    for group in some {
      let factor = factor(norm(weights, groups, group))
      guard factor != 1 else { continue }
      for index in 0..<groups.size {
        let place = groups.place(group, index)
        // −w times 0 would be −0.
        weights[place] = factor == 0 ? 0 : Float(Double(weights[place]) * factor)
      }
    }
  }
}
