import Glibc
import Tensors
import Testing

@Suite("Activations")
struct ActivationTests {
  typealias Function = Kernels.ElementwiseFunction

  /// A function with its definition in Float64.
  struct Definition: Sendable {
    let name: String
    let function: Function
    let value: @Sendable (Double) -> Double
    let derivative: @Sendable (Double) -> Double
    /// Bounds in units in the last place: of the value, relative, where |x| <= 3; and everywhere.
    let near: Double
    let far: Double
  }

  static let definitions: [Definition] = [
    Definition(
      name: "relu", function: .relu, value: { max(0, $0) }, derivative: { $0 > 0 ? 1 : 0 },
      near: 0, far: 0),
    Definition(
      name: "leakyRelu", function: .leakyRelu(slope: 0.25), value: { $0 > 0 ? $0 : 0.25 * $0 },
      derivative: { $0 > 0 ? 1 : 0.25 }, near: 0, far: 0),
    Definition(
      name: "gelu", function: .gelu, value: { $0 * 0.5 * erfc(-$0 * 0.5.squareRoot()) },
      derivative: {
        0.5 * erfc(-$0 * 0.5.squareRoot()) + $0 * exp(-$0 * $0 / 2) / (2 * Double.pi).squareRoot()
      }, near: 9, far: 70),
    Definition(
      name: "tanh", function: .tanh, value: { Glibc.tanh($0) },
      derivative: { 1 - Glibc.tanh($0) * Glibc.tanh($0) }, near: 1.5, far: 1.5),
    Definition(
      name: "sigmoid", function: .sigmoid, value: { 1 / (1 + exp(-$0)) },
      derivative: { exp(-$0) / (1 + exp(-$0)) / (1 + exp(-$0)) }, near: 3, far: 3),
  ]

  /// Points on -12 … 12, every magnitude down to 2⁻²⁰ among them.
  static let points: [Float] = (0...40_000).map {
    let x = Float($0 - 20_000) / 20_000 * 12
    return $0 % 2 == 0 ? x : x * exp2f(-Float($0 / 2 % 20))
  }

  @Test("Values keep their stated bounds in every build", arguments: definitions.indices)
  func values(index: Int) throws {
    let definition = Self.definitions[index]
    let x = Self.points
    try onEachBuild { build in
      var y = [Float](repeating: .nan, count: x.count)
      Kernels.activate(definition.function, count: x.count, input: x, output: &y)
      var worst = 0.0
      for (input, output) in zip(x, y) {
        let wanted = definition.value(Double(input))
        let unit = Double(max(Float(abs(wanted)), .leastNormalMagnitude).ulp)
        let bound = abs(input) <= 3 ? definition.near : definition.far
        worst = max(worst, abs(Double(output) - wanted) / unit - bound)
      }
      #expect(worst <= 0, "\(build) \(definition.name) misses its bound by \(worst) units")
    }
  }

  @Test("Gradients equal the derivative to 1e-6 in every build", arguments: definitions.indices)
  func gradients(index: Int) throws {
    let definition = Self.definitions[index]
    let x = Self.points.filter { $0 != 0 }
    let dy = x.indices.map { Float($0 % 7 - 3) }
    try onEachBuild { build in
      var y = x
      Kernels.activate(definition.function, count: x.count, input: x, output: &y)
      var dx = dy
      dx.withUnsafeMutableBufferPointer {
        guard let base = $0.baseAddress else { return }
        Kernels.activateGradient(
          definition.function, count: x.count, input: x, output: y, outputGradient: base,
          inputGradient: base)
      }
      let wrong = x.indices.first {
        abs(Double(dx[$0]) - Double(dy[$0]) * definition.derivative(Double(x[$0]))) > 1e-6
      }
      #expect(wrong == nil, "\(build) \(definition.name) at \(wrong.map { x[$0] } ?? 0)")
    }
  }

  @Test("In place every function gives the bits that it gives elsewhere", arguments: 0...70)
  func inPlace(count: Int) throws {
    let x = GuardedFloats(random: count, seed: 1)
    let dy = GuardedFloats(random: count, seed: 2)
    try onEachBuild { build in
      for definition in Self.definitions {
        let y = GuardedFloats(count)
        let dx = GuardedFloats(count)
        Kernels.activate(
          definition.function, count: count, input: x.pointer, output: y.base)
        Kernels.activateGradient(
          definition.function, count: count, input: x.pointer, output: y.pointer,
          outputGradient: dy.pointer, inputGradient: dx.base)
        let (value, gradient) = (GuardedFloats(count), GuardedFloats(count))
        value.base.update(from: x.base, count: count)
        gradient.base.update(from: dy.base, count: count)
        Kernels.activate(
          definition.function, count: count, input: value.pointer, output: value.base)
        Kernels.activateGradient(
          definition.function, count: count, input: x.pointer, output: value.pointer,
          outputGradient: gradient.pointer, inputGradient: gradient.base)
        let same = (0..<count).allSatisfy {
          value.base[$0].bitPattern == y.base[$0].bitPattern
            && gradient.base[$0].bitPattern == dx.base[$0].bitPattern
        }
        #expect(same, "\(build) \(definition.name)")
      }
    }
  }

  @Test("NaN passes through, infinities saturate, in every build")
  func special() throws {
    let x: [Float] = [.nan, .infinity, -.infinity]
    let expected: [(Function, Float, Float)] = [
      (.relu, .infinity, 0), (.tanh, 1, -1), (.sigmoid, 1, 0),
      (.leakyRelu(slope: 0.5), .infinity, -.infinity),
    ]
    try onEachBuild { build in
      for (function, high, low) in expected {
        var y: [Float] = [0, 0, 0]
        Kernels.activate(function, count: 3, input: x, output: &y)
        #expect(y[0].isNaN && y[1] == high && y[2] == low, "\(build) \(function) gives \(y)")
      }
    }
  }
}
