import COpenBLAS

/// Matrix products by OpenBLAS, always on the calling thread.
///
/// Not covered: everything of BLAS but the products and systems that are used.
public enum BLAS {
  /// Keeps OpenBLAS from starting work on threads of its own; call once at start.
  ///
  /// A rank is a core; threads of the library would fight with those of other ranks, and the bits of a
  /// product depend on how many there are.
  ///
  /// The corresponding C function is `openblas_set_num_threads`.
  public static func start() { openblas_set_num_threads(1) }

  /// The processor type whose kernels OpenBLAS chose, for example `Zen` or `SkylakeX`.
  ///
  /// It decides the bits of products, so it is part of a run's record. The corresponding C function is
  /// `openblas_get_corename`.
  public static var coreType: String {
    openblas_get_corename().map { String(cString: $0) } ?? "unknown"
  }

  /// OpenBLAS's version and build options (`openblas_get_config`).
  public static var configuration: String {
    openblas_get_config().map { String(cString: $0) } ?? "unknown"
  }

  /// OpenBLAS's version, for example `0.3.21`; `unknown` if its configuration does not tell.
  public static var version: String {
    let words = configuration.split(separator: " ")
    return words.count > 1 && words[0] == "OpenBLAS" ? String(words[1]) : "unknown"
  }

  /// The threads that a product uses; 1 after ``start()``.
  ///
  /// The corresponding C function is `openblas_get_num_threads`.
  public static var threads: Int { Int(openblas_get_num_threads()) }

  /// `C = α · op(A) · op(B) + β · C` for matrices in C order, `op` the identity or the transpose.
  ///
  /// - Parameters:
  ///   - transposeA: whether `A` is stored as `[k, m]` instead of `[m, k]`.
  ///   - transposeB: whether `B` is stored as `[n, k]` instead of `[k, n]`.
  ///   - rows: m, rows of `C`.
  ///   - columns: n, columns of `C`.
  ///   - inner: k, the length of the sums.
  ///   - alpha: factor of the product.
  ///   - a: the first matrix.
  ///   - strideA: floats between rows of `a` as stored.
  ///   - b: the second matrix.
  ///   - strideB: floats between rows of `b` as stored.
  ///   - beta: factor of the old `C`; with 0 it is overwritten and never read.
  ///   - c: the result `[m, n]`.
  ///   - strideC: floats between rows of `c`.
  /// - Precondition: extents fit a C `int`.
  ///
  /// Cost: `2 · m · n · k` floating-point operations. The corresponding C function is `cblas_sgemm`.
  public static func gemm(
    transposeA: Bool = false, transposeB: Bool = false, rows: Int, columns: Int, inner: Int,
    alpha: Float = 1, _ a: UnsafePointer<Float>, _ strideA: Int, _ b: UnsafePointer<Float>,
    _ strideB: Int, beta: Float = 0, _ c: UnsafeMutablePointer<Float>, _ strideC: Int
  ) {
    guard rows > 0, columns > 0 else { return }
    precondition(
      rows <= limit && columns <= limit && inner >= 0 && inner <= limit && strideA <= limit
        && strideB <= limit && strideC <= limit,
      "extents \(rows), \(columns), \(inner) of a matrix product do not fit a C int")
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      blasint(rows), blasint(columns), blasint(inner), alpha, a, blasint(max(strideA, 1)), b,
      blasint(max(strideB, 1)), beta, c, blasint(max(strideC, 1)))
  }

  /// The largest extent that the library's integers hold.
  private static let limit = Int(blasint.max)
}
