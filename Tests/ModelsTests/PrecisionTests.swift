import Configuration
import Models
import Parameters
import Tensors
import Testing

/// Whole networks whose products round their operands to bfloat16.
@Suite struct PrecisionTests {
  typealias Case = FiniteDifferenceTests.Case

  /// Everything that has gradients, fusions among it.
  static let cases: [Case] =
    Case.layers + Case.composites + Case.losses + Case.sequences + Case.frontEnds
    + FusionTests.cases.map {
      Case(name: $0.name, configuration: $0.configuration, fields: FusionTests.fields)
    }

  /// One training pass in a precision, from values that do not depend on it.
  private func pass(_ subject: Case, _ precision: Precision) throws -> Bench {
    let bench = try Bench(
      subject.configuration, subject.fields, capacity: 5, precision: precision)
    FiniteDifference.disturb(bench.store)
    bench.train()
    return bench
  }

  /// An operand is off by at most 2⁻⁹ of itself.
  ///
  /// Over the few layers of these networks, with relus and winners of pools that change here and
  /// there, a gradient is within a tenth of its norm.
  @Test(arguments: cases)
  func gradientsAreThoseOfFloat32WithinItsRounding(_ subject: Case) throws {
    let (exact, rounded) = (try pass(subject, .float32), try pass(subject, .bfloat16))
    let pairs = zip(exact.gradientValues, rounded.gradientValues).map {
      (Double($0.0), Double($0.1))
    }
    let norm = pairs.reduce(0) { $0 + $1.0 * $1.0 }.squareRoot()
    let distance = pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    #expect(distance <= 0.1 * norm, "off by \(distance / norm) of the norm")
    #expect(distance > 1e-6 * norm, "nothing was rounded")
    #expect(abs(exact.objective - rounded.objective) <= 0.05 * abs(exact.objective) + 0.01)
  }

  @Test(arguments: cases)
  func dotProductsOfTheProcessorGiveTheSameBits(_ subject: Case) throws {
    for build in Kernels.supportedBuilds {
      let passes = try [true, false].map { dots in
        try Kernels.with(build: build, dots: dots) { try pass(subject, .bfloat16).gradientValues }
      }
      #expect(passes[0].map(\.bitPattern) == passes[1].map(\.bitPattern), "\(build)")
    }
  }
}
