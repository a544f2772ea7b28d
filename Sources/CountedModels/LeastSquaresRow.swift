import BLAS
import Buffers

/// The normal equations of one row, gathered and solved in Float64.
///
/// `A = G + Σ s² x xᵀ + D` and `b = Σ t x` over the row's partners, x a partner's vector (with a 1 behind it
/// where the row has a bias); afterwards `A y = b`. All sums run in the order of the file.
final class LeastSquaresRow {
  /// Equations: k, and one more for a bias.
  let width: Int
  private let matrix: HostBuffer<Double>
  private let right: HostBuffer<Double>
  private let chunk: HostBuffer<Double>
  private var filled = 0

  /// Partners that enter the matrix in one product.
  private static let chunkRows = 512

  /// Room for rows of `width` equations.
  init(width: Int) {
    self.width = width
    matrix = HostBuffer(count: width * width)
    right = HostBuffer(count: width)
    chunk = HostBuffer(count: Self.chunkRows * width)
  }

  /// Forgets the last row.
  ///
  /// - Parameter start: G `[k, k]`, or nil for zeros.
  func begin(with start: UnsafePointer<Double>?) {
    filled = 0
    right.all.update(repeating: 0)
    if let start {
      matrix.base.update(from: start, count: width * width)
    } else {
      matrix.all.update(repeating: 0)
    }
  }

  /// Adds a partner: `scale² x xᵀ` to the matrix and `target · x` to the right side.
  @inline(__always)
  func add(_ vector: UnsafePointer<Float>, factors: Int, scale: Double, target: Double) {
    let row = chunk.base + filled * width
    for index in 0..<factors {
      let value = Double(vector[index])
      row[index] = scale * value
      right.base[index] += target * value
    }
    if width > factors {
      row[factors] = scale
      right.base[factors] += target
    }
    filled += 1
    if filled == Self.chunkRows { flush() }
  }

  /// The matrix so far; for sums of `x xᵀ` alone.
  func finishMatrix() -> UnsafePointer<Double> {
    flush()
    return UnsafePointer(matrix.base)
  }

  /// Adds D to the diagonal and solves.
  ///
  /// - Parameters:
  ///   - factors: k.
  ///   - penalty: what is added for the vector.
  ///   - biasPenalty: what is added for the bias.
  /// - Returns: `width` numbers, valid until the next row; nil where the equations have no one solution.
  func solve(factors: Int, penalty: Double, biasPenalty: Double) -> UnsafePointer<Double>? {
    flush()
    for index in 0..<width {
      matrix.base[index * width + index] += index < factors ? penalty : biasPenalty
    }
    guard BLAS.solve(size: width, matrix.base, right.base) else { return nil }
    return UnsafePointer(right.base)
  }

  private func flush() {
    BLAS.addGram(size: width, inner: filled, chunk.base, into: matrix.base)
    filled = 0
  }
}
