import Configuration
import Models
import Parameters
import Tensors
import Testing

/// Every layer and loss against differences of its own forward pass.
///
/// The bound: along two directions per slot (the gradient's own, and its mean with a random one)
/// the numeric derivative, from four evaluations with the error term of second order removed,
/// differs from the analytic one by at most 2.5 % of the gradient's norm plus 1e-4. The forward
/// pass is Float32, so differences of 1e-2 carry some 1e-5 of rounding, and a relu whose input
/// changes sign on the way bends the line. The comparison with PyTorch is the sharp one.
@Suite struct FiniteDifferenceTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let configuration: ModelConfiguration
    let fields: [MicrobatchField]
    var testDescription: String { name }
  }

  @Test(
    arguments: Case.layers + Case.composites + Case.losses + Case.sequences + Case.frontEnds)
  func gradientsAreThoseOfTheForwardPass(_ subject: Case) throws {
    let bench = try Bench(subject.configuration, subject.fields, capacity: 5)
    FiniteDifference.disturb(bench.store)
    bench.train()
    FiniteDifference.check(
      bench.model.layout, bench.store.base, analytic: bench.gradientValues.map(Double.init)
    ) { bench.train() }
  }
}

/// Directions, and derivatives along them from differences.
enum FiniteDifference {
  /// Checks the gradient of every trainable slot along two directions.
  static func check(
    _ layout: ParameterLayout, _ parameters: UnsafeMutablePointer<Float>, analytic: [Double],
    objective: () -> Double
  ) {
    for slot in layout.slots where slot.role == .trainable {
      let gradient = Array(analytic[slot.range])
      let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for mix in [0.0, 0.9] {
        let direction = unit(gradient, norm: norm, mix: mix, name: slot.name)
        let expected = zip(gradient, direction).reduce(0) { $0 + $1.0 * $1.1 }
        let numeric = derivative(parameters + slot.offset, direction, objective)
        #expect(
          abs(numeric - expected) <= 0.025 * norm + 1e-4,
          "\(slot.name), mix \(mix): numeric \(numeric), analytic \(expected), norm \(norm)")
      }
    }
  }

  /// Moves all trainable values a little: norms start at 1 and 0, where mistakes hide.
  static func disturb(_ store: ParameterStore) {
    for slot in store.layout.slots where slot.role == .trainable {
      let random = CounterRandom(seed: 5, purpose: .synthesis, stream: pathHash(slot.name))
      for index in 0..<slot.count { store[slot][index] += 0.2 * random.normal(at: index) }
    }
  }

  /// A unit vector: the gradient's direction, or that with as much of a random one.
  private static func unit(
    _ gradient: [Double], norm: Double, mix: Double, name: String
  ) -> [Double] {
    let random = CounterRandom(seed: 9, purpose: .synthesis, stream: pathHash(name))
    let noise = gradient.indices.map { Double(random.normal(at: $0)) }
    let noiseNorm = noise.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let useNoise = norm < 1e-9 ? 1 : mix
    let mixed = gradient.indices.map {
      (norm < 1e-9 ? 0 : gradient[$0] / norm) + useNoise * noise[$0] / noiseNorm
    }
    let length = mixed.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return mixed.map { $0 / length }
  }

  /// Richardson's extrapolation of two central differences.
  private static func derivative(
    _ parameters: UnsafeMutablePointer<Float>, _ direction: [Double], _ objective: () -> Double
  ) -> Double {
    let original = direction.indices.map { parameters[$0] }
    func value(_ distance: Double) -> Double {
      for index in direction.indices {
        parameters[index] = Float(Double(original[index]) + distance * direction[index])
      }
      return objective()
    }
    func central(_ distance: Double) -> Double {
      (value(distance) - value(-distance)) / (2 * distance)
    }
    let (wide, narrow) = (central(0.01), central(0.005))
    for index in direction.indices { parameters[index] = original[index] }
    return (4 * narrow - wide) / 3
  }
}
