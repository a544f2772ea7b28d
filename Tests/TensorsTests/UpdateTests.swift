import Tensors
import Testing

/// Three steps from w = (1, −2) with η = 0.1, recorded from `torch.optim` of PyTorch 2.13 in Float64.
@Suite("Optimizer updates")
struct UpdateTests {
  static let gradients: [[Float]] = [[0.5, 0.1], [-0.3, 0.2], [0.7, -0.6]]

  /// The two numbers, repeated so that vector loops and their remainders both see them.
  private static let copies = 19

  private func spread(_ pair: [Float]) -> [Float] {
    (0..<2 * Self.copies).map { pair[$0 % 2] }
  }

  private func expect(_ weights: [Float], _ wanted: [Double], within bound: Double, _ build: String)
  {
    for (index, weight) in weights.enumerated() {
      #expect(abs(Double(weight) - wanted[index % 2]) <= bound, "\(build) \(index)")
    }
  }

  @Test(
    "Gradient descent equals PyTorch's in every build",
    arguments: [
      (Float(0), false, Float(0), [0.91, -1.97]), (0.9, false, 0.01, [0.846054749, -1.993831608]),
      (0.9, true, 0.01, [0.768721158191, -1.958344690872]),
    ])
  func descent(momentum: Float, nesterov: Bool, decay: Float, wanted: [Double]) throws {
    try onEachBuild { build in
      var w = spread([1, -2])
      var buffer = [Float](repeating: .nan, count: w.count)
      for (step, gradient) in Self.gradients.enumerated() {
        // Gradients arrive scaled by 4 and are scaled back.
        let arriving = spread(gradient.map { 4 * $0 })
        let squares = buffer.withUnsafeMutableBufferPointer { memory in
          Kernels.move(
            by: .sgd(
              gradientScale: 0.25, learningRate: 0.1, momentum: momentum, nesterov: nesterov,
              weightDecay: decay, firstStep: step == 0),
            count: w.count, weight: &w, gradient: arriving, first: memory.baseAddress, second: nil)
        }
        #expect(squares == Kernels.squaredNorm(w.count, arriving), "\(build)")
      }
      expect(w, wanted, within: 5e-7, build)
    }
  }

  @Test(
    "Adam and AdamW equal PyTorch's in every build",
    arguments: [
      (false, [0.8189924438441085, -2.1564730745447824]),
      (true, [0.8195021537175942, -2.156404644791443]),
    ])
  func adam(decoupled: Bool, wanted: [Double]) throws {
    try onEachBuild { build in
      var w = spread([1, -2])
      var m = [Float](repeating: 0, count: w.count)
      var v = m
      var (power1, power2) = (1.0, 1.0)
      for gradient in Self.gradients {
        power1 *= 0.9
        power2 *= 0.999
        let squares = Kernels.move(
          by: .adam(
            gradientScale: 1, learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8,
            correction1: Float(1 - power1), correction2: Float(1 - power2), weightDecay: 0.01,
            decoupled: decoupled),
          count: w.count, weight: &w, gradient: spread(gradient), first: &m, second: &v)
        #expect(squares == Kernels.squaredNorm(w.count, spread(gradient)), "\(build)")
      }
      expect(w, wanted, within: 3e-6, build)
    }
  }

  // Two steps, weight decay 0.01, ratio of norms per tensor; computed in Float64 from the paper's
  // formulas (You et al. 2020, algorithm 2) with ε = 1e-6.
  @Test("LAMB's direction, scaled by the trust ratio, gives its golden step in every build")
  func lamb() throws {
    try onEachBuild { build in
      var w: [Float] = [1, -2]
      var (m, v): ([Float], [Float]) = ([0, 0], [0, 0])
      for (step, gradient) in Self.gradients.prefix(2).enumerated() {
        var r = gradient
        r.withUnsafeMutableBufferPointer { memory in
          guard let base = memory.baseAddress else { return }
          Kernels.lambDirection(
            count: 2, weight: w, gradient: base, m: &m, v: &v, gradientScale: 1, beta1: 0.9,
            beta2: 0.999, epsilon: 1e-6, correction1: step == 0 ? 0.1 : 0.19,
            correction2: step == 0 ? 0.001 : 0.001999, weightDecay: 0.01, direction: base)
        }
        let ratio = (Kernels.squaredNorm(2, w) / Kernels.squaredNorm(2, r)).squareRoot()
        Kernels.scaledUpdate(count: 2, weight: &w, direction: r, factor: Float(0.1 * ratio))
      }
      expect(w, [0.79157825, -2.38203188], within: 5e-6, build)
    }
  }

  // Two steps, momentum 0.9, weight decay 1e-4, trust 0.001; computed likewise (You et al. 2017).
  @Test("LARS with the trust ratio in its rate gives its golden step in every build")
  func lars() throws {
    try onEachBuild { build in
      var w: [Float] = [1, -2]
      var buffer: [Float] = [0, 0]
      for gradient in Self.gradients.prefix(2) {
        let norms = (
          weight: Kernels.squaredNorm(2, w).squareRoot(),
          gradient: Kernels.squaredNorm(2, gradient).squareRoot()
        )
        let ratio = 0.001 * norms.weight / (norms.gradient + 1e-4 * norms.weight)
        Kernels.larsUpdate(
          count: 2, weight: &w, gradient: gradient, momentumBuffer: &buffer, gradientScale: 1,
          learningRate: Float(0.1 * ratio), momentum: 0.9, weightDecay: 1e-4)
      }
      expect(w, [0.99976937, -2.00020695], within: 5e-7, build)
    }
  }

  @Test("The running average moves by its share, in every build")
  func average() throws {
    try onEachBuild { build in
      var average = spread([1, 2])
      Kernels.emaUpdate(
        count: average.count, average: &average, weight: spread([3, -2]), decay: 0.75)
      expect(average, [1.5, 1], within: 1e-7, build)
    }
  }
}
