import COpenBLAS

extension BLAS {
  /// Eigenvalues and eigenvectors of a symmetric matrix by divide and conquer, in Float64.
  ///
  /// The signs of the vectors, and which vectors of an eigenspace are found, are the library's.
  ///
  /// - Parameters:
  ///   - size: n.
  ///   - a: `[n, n]`, of which the lower triangle counts; overwritten by the eigenvectors of length 1, one a
  ///     row, in the order of the values.
  ///   - values: n numbers; overwritten by the eigenvalues, ascending.
  /// - Returns: false where `A` is not finite or the iteration does not converge.
  /// - Precondition: the work space of n² numbers fits a C `int`: n is below 32,000.
  ///
  /// Cost: about `9 · n³` floating-point operations, `2 · n²` numbers of memory. The corresponding function
  /// is LAPACK's `dsyevd`.
  public static func eigenvectors(
    size: Int, _ a: UnsafeMutablePointer<Double>, values: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard size > 0 else { return true }
    precondition(size < 32_000, "a matrix of \(size) rows is too large for the library's integers")
    // The library does not promise to end where there is a NaN.
    for row in 0..<size {
      for column in 0...row where !a[row * size + column].isFinite { return false }
    }
    var n = blasint(size)
    var order = n
    var status = blasint(0)
    // LAPACK counts columns first: our lower triangle is its upper one, and its columns are our rows.
    var upper = CChar(UInt8(ascii: "U"))
    var vectors = CChar(UInt8(ascii: "V"))
    var workSize = blasint(1 + 6 * size + 2 * size * size)
    var integerSize = blasint(3 + 5 * size)
    var work = [Double](repeating: 0, count: Int(workSize))
    var integers = [blasint](repeating: 0, count: Int(integerSize))
    COpenBLAS_dsyevd(
      &vectors, &upper, &n, a, &order, values, &work, &workSize, &integers, &integerSize, &status)
    return status == 0
  }
}
