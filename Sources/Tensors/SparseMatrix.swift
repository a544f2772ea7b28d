import Buffers
import CKernels

/// A matrix `[O, I]` without its zeros: of each row the places and values of the others, in order.
///
/// This is CSR (compressed sparse rows) with places of 16 bits.
public final class SparseMatrix: @unchecked Sendable {
  /// The most columns: a place has 16 bits.
  public static var mostColumns: Int { 1 << 16 }

  /// O.
  public let rows: Int
  /// I.
  public let columns: Int
  /// Weights that are not zero.
  public let count: Int

  // Never changed after `init`.
  let starts: HostBuffer<Int64>
  let places: HostBuffer<UInt16>
  let values: HostBuffer<Float>

  /// Leaves out the zeros of a matrix, negative ones too.
  ///
  /// - Parameters:
  ///   - rows: O.
  ///   - columns: I, at most ``mostColumns``.
  ///   - dense: O · I scalars, row by row.
  /// - Cost: two passes over `dense`.
  public init(rows: Int, columns: Int, _ dense: ConstantFloats) {
    precondition(columns <= Self.mostColumns, "\(columns) columns do not fit places of 16 bits")
    (self.rows, self.columns) = (rows, columns)
    count = Self.nonzeroCount(dense, rows * columns)
    starts = HostBuffer(count: rows + 1)
    places = HostBuffer(count: count)
    values = HostBuffer(count: count)
    var next = 0
    for row in 0..<rows {
      for column in 0..<columns where dense[row * columns + column] != 0 {
        places.base[next] = UInt16(column)
        values.base[next] = dense[row * columns + column]
        next += 1
      }
      starts.base[row + 1] = Int64(next)
    }
  }

  /// The scalars that are not zero.
  public static func nonzeroCount(_ scalars: ConstantFloats, _ count: Int) -> Int {
    var found = 0
    for index in 0..<count where scalars[index] != 0 { found += 1 }
    return found
  }

  /// Bytes of places, values and where rows begin.
  public var byteCount: Int { 8 * (rows + 1) + 6 * count }

  /// Writes the whole matrix, zeros included.
  ///
  /// - Parameter dense: receives O · I scalars.
  public func expand(into dense: Floats) {
    dense.update(repeating: 0, count: rows * columns)
    for row in 0..<rows {
      for index in Int(starts[row])..<Int(starts[row + 1]) {
        dense[row * columns + Int(places[index])] = values[index]
      }
    }
  }
}

extension Kernels {
  /// Samples that ``sparseForward(samples:x:weight:bias:tile:y:)`` takes at a time.
  public static var sparseTileSamples: Int { Int(SPARSE_TILE) }

  /// `y = x · Wᵀ + b` with x `[n, I]`, W sparse `[O, I]`, b `[O]`, y `[n, O]`.
  ///
  /// A sample's bits depend on that sample, W and b alone: an element is summed from the first weight to
  /// the last. They differ from those of ``linearForward(samples:inputs:outputs:x:weight:bias:y:)``.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - x: the inputs.
  ///   - weight: W.
  ///   - bias: b, or nil for none.
  ///   - tile: room for I · ``sparseTileSamples`` floats.
  ///   - y: receives the outputs.
  public static func sparseForward(
    samples: Int, x: ConstantFloats, weight: SparseMatrix, bias: ConstantFloats?, tile: Floats,
    y: Floats
  ) {
    for first in stride(from: 0, to: samples, by: sparseTileSamples) {
      let count = Int64(min(sparseTileSamples, samples - first))
      table.pointee.sparseTile(
        count, Int64(weight.columns), x + first * weight.columns, tile)
      table.pointee.sparseProduct(
        count, Int64(weight.rows), weight.starts.base, weight.places.base, weight.values.base, tile,
        bias, y + first * weight.rows)
    }
  }
}
