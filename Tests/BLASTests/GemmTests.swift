import BLAS
import Testing

@Suite("Matrix products")
struct GemmTests {
  /// `op(A) · op(B)` by the definition, in Float64.
  private func product(
    _ a: [Float], _ transposeA: Bool, _ b: [Float], _ transposeB: Bool, _ m: Int, _ n: Int, _ k: Int
  ) -> [Double] {
    var c = [Double](repeating: 0, count: m * n)
    for i in 0..<m {
      for j in 0..<n {
        for l in 0..<k {
          let left = transposeA ? a[l * m + i] : a[i * k + l]
          let right = transposeB ? b[j * k + l] : b[l * n + j]
          c[i * n + j] += Double(left) * Double(right)
        }
      }
    }
    return c
  }

  @Test(
    "All four transpositions equal the definition", arguments: [(1, 1, 1), (3, 5, 7), (17, 33, 65)])
  func transpositions(extents: (Int, Int, Int)) {
    let (m, n, k) = extents
    let a = (0..<m * k).map { Float(($0 * 37 % 101) - 50) / 50 }
    let b = (0..<k * n).map { Float(($0 * 53 % 103) - 51) / 51 }
    for transposeA in [false, true] {
      for transposeB in [false, true] {
        var c = [Float](repeating: .nan, count: m * n)
        BLAS.gemm(
          transposeA: transposeA, transposeB: transposeB, rows: m, columns: n, inner: k, a,
          transposeA ? m : k, b, transposeB ? k : n, &c, n)
        let expected = product(a, transposeA, b, transposeB, m, n, k)
        for (found, wanted) in zip(c, expected) {
          #expect(abs(Double(found) - wanted) <= Double(k) * 0x1p-23)
        }
      }
    }
  }

  @Test("Alpha and beta scale the product and the old result")
  func scaling() {
    let a: [Float] = [1, 2, 3, 4]
    let b: [Float] = [5, 6, 7, 8]
    var c: [Float] = [1, 1, 1, 1]
    BLAS.gemm(rows: 2, columns: 2, inner: 2, alpha: 2, a, 2, b, 2, beta: 3, &c, 2)
    #expect(c == [41, 47, 89, 103])
  }

  @Test("Rows may lie further apart than they are long")
  func strides() {
    let a: [Float] = [1, 2, 9, 3, 4, 9]
    let b: [Float] = [1, 0, 9, 9, 0, 1, 9, 9]
    var c = [Float](repeating: -1, count: 6)
    BLAS.gemm(rows: 2, columns: 2, inner: 2, a, 3, b, 4, &c, 3)
    #expect(c == [1, 2, -1, 3, 4, -1])
  }

  @Test("An empty inner extent gives zeros, an empty result touches nothing")
  func empty() {
    var c: [Float] = [.nan, .nan]
    BLAS.gemm(rows: 1, columns: 2, inner: 0, [0], 1, [0], 2, &c, 2)
    #expect(c == [0, 0])
    var untouched: [Float] = [7]
    BLAS.gemm(rows: 0, columns: 1, inner: 1, [1], 1, [1], 1, &untouched, 1)
    #expect(untouched == [7])
  }

  @Test("The library names its processor type and its build, and runs on one thread")
  func identity() {
    BLAS.start()
    #expect(BLAS.threads == 1)
    #expect(!BLAS.coreType.isEmpty && BLAS.coreType != "unknown")
    #expect(BLAS.configuration.contains("OpenBLAS"))
    #expect(BLAS.version.split(separator: ".").count >= 2, "\(BLAS.version)")
  }
}
