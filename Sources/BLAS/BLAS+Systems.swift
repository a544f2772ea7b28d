import COpenBLAS

extension BLAS {
  /// `C += Aᵀ · A` in Float64, the lower triangle of a symmetric matrix only.
  ///
  /// - Parameters:
  ///   - size: n, rows and columns of `C`.
  ///   - inner: m, the length of the sums; 0 changes nothing.
  ///   - a: `[m, n]`, rows next to each other.
  ///   - c: `[n, n]`; what lies above its diagonal is neither read nor written.
  /// - Precondition: extents fit a C `int`.
  ///
  /// Cost: `m · n²` floating-point operations. The corresponding C function is `cblas_dsyrk`.
  public static func addGram(
    size: Int, inner: Int, _ a: UnsafePointer<Double>, into c: UnsafeMutablePointer<Double>
  ) {
    guard size > 0, inner > 0 else { return }
    precondition(
      size <= Int(blasint.max) && inner <= Int(blasint.max),
      "extents \(size) and \(inner) of a matrix product do not fit a C int")
    cblas_dsyrk(
      CblasRowMajor, CblasLower, CblasTrans, blasint(size), blasint(inner), 1, a, blasint(size), 1,
      c, blasint(size))
  }

  /// Solves `A · x = b` for a symmetric positive definite `A` by Cholesky's decomposition, in Float64.
  ///
  /// - Parameters:
  ///   - size: n.
  ///   - a: `[n, n]`, of which the lower triangle counts; overwritten by the decomposition.
  ///   - b: n numbers; overwritten by `x`.
  /// - Returns: false where `A` is not positive definite or not finite; `b` is then as it was.
  /// - Precondition: n fits a C `int`.
  ///
  /// Cost: `n³ / 3` floating-point operations. The corresponding functions are LAPACK's `dpotrf` and
  /// `dpotrs`.
  public static func solve(
    size: Int, _ a: UnsafeMutablePointer<Double>, _ b: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard size > 0 else { return true }
    precondition(size <= Int(blasint.max), "\(size) equations do not fit a C int")
    var n = blasint(size)
    var one = blasint(1)
    var order = n
    var status = blasint(0)
    // LAPACK counts columns first: our lower triangle is its upper one.
    var upper = CChar(UInt8(ascii: "U"))
    COpenBLAS_dpotrf(&upper, &n, a, &order, &status)
    // The library does not notice a NaN, which spoils the diagonal of what follows.
    guard status == 0, (0..<size).allSatisfy({ a[$0 * size + $0].isFinite }) else { return false }
    COpenBLAS_dpotrs(&upper, &n, &one, a, &order, b, &n, &status)
    return status == 0
  }
}
