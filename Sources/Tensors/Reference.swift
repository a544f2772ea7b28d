/// Slow, obvious forms of the fast kernels: plain loops with Float64 sums, for tests to compare with.
///
/// Each returns, where sums are long, the sum of absolute terms beside the sum: the error of a float32
/// sum of n terms is at most about n · 2⁻²⁴ times that.
package enum Reference {
  /// A sum and the sum of its absolute terms.
  package struct Sum: Sendable {
    /// Σ terms.
    package var value = 0.0
    /// Σ |terms|.
    package var magnitude = 0.0
    /// How many.
    package var terms = 0

    /// A sum of nothing.
    package init() {}

    /// Adds a term.
    package mutating func add(_ term: Double) {
      value += term
      magnitude += abs(term)
      terms += 1
    }

    /// Whether a float32 sum in any order, fused or not, may give `other`.
    package func admits(_ other: Float) -> Bool {
      abs(Double(other) - value) <= Double(terms + 4) * 0x1p-24 * magnitude + 1e-30
    }
  }
}
