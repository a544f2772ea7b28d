import Buffers

/// The scores of layer-adaptive magnitude pruning: `w² / Σ v²` over the weights v of the tensor that are at
/// least as large; of equal ones the later counts as larger.
///
/// Sums are Float64, from the largest weight to the smallest, so the scores of a tensor have the same bits
/// wherever they are computed.
///
/// - Source: Lee, Park, Mo, Ahn and Shin 2021, "Layer-adaptive sparsity for the magnitude-based pruning".
public enum LayerAdaptiveScores {
  /// Writes the scores of one tensor.
  ///
  /// - Parameters:
  ///   - weights: the tensor's weights.
  ///   - count: how many.
  ///   - scores: room for as many scores; 0 for zeros, 1 for the largest.
  /// - Cost: a radix sort of the weights in two passes; 16 bytes for each while it lasts.
  public static func write(
    _ weights: UnsafePointer<Float>, count: Int, into scores: UnsafeMutablePointer<Float>
  ) {
    let entries = HostBuffer<UInt64>(count: count)
    let sorted = HostBuffer<UInt64>(count: count)
    for index in 0..<count {
      let key = weights[index].bitPattern & RadixSelect.magnitude
      entries.base[index] = UInt64(key) << 32 | UInt64(UInt32(truncatingIfNeeded: index))
    }
    sort(entries.all, into: sorted.base, from: 32)
    sort(sorted.all, into: entries.base, from: 48)
    var sum = 0.0
    for entry in entries.all.reversed() {
      let index = Int(entry & 0xFFFF_FFFF)
      let square = Double(weights[index]) * Double(weights[index])
      sum += square
      scores[index] = sum > 0 ? Float(square / sum) : 0
    }
  }

  /// Brings entries in the order of 16 of their bits, equal ones as they were.
  private static func sort(
    _ entries: UnsafeMutableBufferPointer<UInt64>, into sorted: UnsafeMutablePointer<UInt64>,
    from bit: UInt64
  ) {
    let starts = HostBuffer<Int>(count: (1 << 16) + 1)
    for entry in entries { starts.base[Int(entry >> bit & 0xFFFF) + 1] += 1 }
    for bin in 1..<starts.count { starts.base[bin] += starts.base[bin - 1] }
    for entry in entries {
      let bin = Int(entry >> bit & 0xFFFF)
      sorted[starts.base[bin]] = entry
      starts.base[bin] += 1
    }
  }
}
