import BLAS
import Testing

@Suite("Systems of equations")
struct SystemTests {
  private func numbers(_ count: Int) -> [Double] {
    (0..<count).map { Double($0 * 37 % 101 - 50) / 50 }
  }

  @Test("Products of columns are added to the lower triangle only", arguments: [1, 3, 33])
  func gram(size: Int) {
    for inner in [0, 1, 5, 70] {
      let a = numbers(inner * size)
      var c = [Double](repeating: 7, count: size * size)
      BLAS.addGram(size: size, inner: inner, a, into: &c)
      for row in 0..<size {
        for column in 0..<size {
          let sum = (0..<inner).reduce(7.0) { $0 + a[$1 * size + row] * a[$1 * size + column] }
          let wanted = column <= row ? sum : 7
          #expect(abs(c[row * size + column] - wanted) < 1e-12 * Double(inner + 1))
        }
      }
    }
  }

  @Test(
    "A solution fulfils its equations, whatever lies above the diagonal", arguments: [1, 4, 65])
  func solution(size: Int) {
    var a = [Double](repeating: 0, count: size * size)
    BLAS.addGram(size: size, inner: 3 * size, numbers(3 * size * size), into: &a)
    for index in 0..<size { a[index * size + index] += 1 }
    let wanted = numbers(size)
    var b = (0..<size).map { row in
      (0..<size).reduce(0.0) { $0 + a[max(row, $1) * size + min(row, $1)] * wanted[$1] }
    }
    for row in 0..<size { for column in row + 1..<size { a[row * size + column] = .nan } }
    #expect(BLAS.solve(size: size, &a, &b))
    for (found, wanted) in zip(b, wanted) { #expect(abs(found - wanted) < 1e-10) }
  }

  @Test("What is not positive definite is told, and the right side stays")
  func refusal() {
    for bad in [[0.0], [-1.0], [Double.nan]] {
      var (a, b) = (bad, [3.0])
      #expect(!BLAS.solve(size: 1, &a, &b))
      #expect(b == [3])
    }
    var a = [1.0, 0, 2, 1]  // 1 2; 2 1
    var b = [1.0, 1]
    #expect(!BLAS.solve(size: 2, &a, &b))
    #expect(b == [1, 1])
  }

  @Test("Eigenvectors of a symmetric matrix stretch by their values", arguments: [1, 2, 5, 60])
  func eigenvectors(size: Int) {
    var a = [Double](repeating: 0, count: size * size)
    BLAS.addGram(size: size, inner: size + 2, numbers((size + 2) * size), into: &a)
    let matrix = a
    for row in 0..<size { for column in row + 1..<size { a[row * size + column] = .nan } }
    var values = [Double](repeating: 0, count: size)
    #expect(BLAS.eigenvectors(size: size, &a, values: &values))
    #expect(values == values.sorted())
    let scale = values.last ?? 1
    for vector in 0..<size {
      let v = a[vector * size..<(vector + 1) * size].map { $0 }
      #expect(abs(v.reduce(0) { $0 + $1 * $1 } - 1) < 1e-12)
      for row in 0..<size {
        let product = (0..<size).reduce(0.0) {
          $0 + matrix[max(row, $1) * size + min(row, $1)] * v[$1]
        }
        #expect(abs(product - values[vector] * v[row]) < 1e-12 * scale)
      }
    }
    a[size * size - 1] = .infinity
    #expect(!BLAS.eigenvectors(size: size, &a, values: &values))
  }
}
