import Glibc

extension Reference {
  /// One head of attention over one sample in Float64, with the gradients of `Σ output · gradient`.
  ///
  /// All matrices are lists of rows. `keep(i, j)` multiplies the probability of key j for query i.
  package struct Attention {
    package var output: [[Double]] = []
    package var queryGradient: [[Double]] = []
    package var keyGradient: [[Double]]
    package var valueGradient: [[Double]]

    /// Computes everything.
    package init(
      queries: [[Double]], keys: [[Double]], values: [[Double]], isCausal: Bool,
      outputGradient: [[Double]], keep: (Int, Int) -> Double = { _, _ in 1 }
    ) {
      let size = queries.first?.count ?? keys.first?.count ?? 0
      let zero = [Double](repeating: 0, count: size)
      keyGradient = keys.map { _ in zero }
      valueGradient = keyGradient
      let factor = 1 / Double(max(size, 1)).squareRoot()
      for (i, query) in queries.enumerated() {
        let seen = isCausal ? min(i + 1, keys.count) : keys.count
        let scores = keys[..<seen].map { factor * Self.product($0, query) }
        let most = scores.max() ?? 0
        let total = scores.reduce(0) { $0 + exp($1 - most) }
        let p = scores.map { exp($0 - most) / total }
        var output = zero
        var gradient = zero
        let dy = outputGradient[i]
        let dp = (0..<seen).map { keep(i, $0) * Self.product(dy, values[$0]) }
        let mean = Self.product(p, dp)
        for j in 0..<seen {
          let ds = factor * p[j] * (dp[j] - mean)
          for c in 0..<size {
            output[c] += p[j] * keep(i, j) * values[j][c]
            valueGradient[j][c] += p[j] * keep(i, j) * dy[c]
            gradient[c] += ds * keys[j][c]
            keyGradient[j][c] += ds * query[c]
          }
        }
        self.output.append(output)
        queryGradient.append(gradient)
      }
    }

    private static func product(_ a: [Double], _ b: [Double]) -> Double {
      zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
    }
  }
}
