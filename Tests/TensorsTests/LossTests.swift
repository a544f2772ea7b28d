import Glibc
import Tensors
import Testing

/// Losses and gradients recorded from PyTorch 2.13 in Float64 (`cross_entropy` and so on, summed).
@Suite("Losses")
struct LossTests {
  static let logits: [Float] = [1.5, -0.25, 0.75, -2, 3, 0.5, 0.1, 0.2, -0.3, 4, -4, 2]
  static let labels: [Int64] = [0, 2, 1, 2]
  static let targets: [Float] = [1, 0, 0.25, 0, 1, 1, 0.5, 0.5, 0, 1, 0, 1]

  /// What PyTorch gave.
  struct Recorded: Sendable {
    let smoothing: Float
    let weights: [Float]?
    let loss: Double
    let gradient: [Double]
  }

  static let crossEntropies = [
    Recorded(
      smoothing: 0, weights: nil, loss: 6.1315817985621255,
      gradient: [
        -0.392518438, 0.105564467, 0.286953971, 0.006188285, 0.918422967, -0.924611252, 0.360296615,
        -0.601810659, 0.241514044, 0.880536902, 0.000295387, -0.880832289,
      ]),
    Recorded(
      smoothing: 0.1, weights: nil, loss: 6.368248465228793,
      gradient: [
        -0.325851771, 0.072231133, 0.253620638, -0.027145048, 0.885089633, -0.857944585,
        0.326963282, -0.535143992, 0.20818071, 0.847203568, -0.033037946, -0.814165622,
      ]),
    Recorded(
      smoothing: 0, weights: [0.5, 2, 1.25], loss: 7.981272898810239,
      gradient: [
        -0.196259219, 0.052782233, 0.143476986, 0.007735357, 1.148028708, -1.155764065, 0.72059323,
        -1.203621318, 0.483028087, 1.100671127, 0.000369234, -1.101040361,
      ]),
    Recorded(
      smoothing: 0.1, weights: [0.5, 2, 1.25], loss: 8.361676667082815,
      gradient: [
        -0.117364768, -0.005967098, 0.123331867, -0.00893131, 1.081362042, -1.072430732,
        0.676904318, -1.100152185, 0.423247867, 1.084004461, -0.066297433, -1.017707028,
      ]),
  ]

  @Test("Cross-entropy equals PyTorch's in every build", arguments: crossEntropies)
  func crossEntropy(recorded: Recorded) throws {
    try onEachBuild { build in
      var gradient = [Float](repeating: .nan, count: 12)
      func loss(_ weights: UnsafePointer<Float>?) -> Double {
        Kernels.softmaxCrossEntropy(
          samples: 4, classes: 3, logits: Self.logits, labels: Self.labels,
          labelSmoothing: recorded.smoothing, classWeights: weights, scale: 0.5, gradient: &gradient
        )
      }
      let sum = recorded.weights.map { $0.withUnsafeBufferPointer { loss($0.baseAddress) } }
      #expect(abs((sum ?? loss(nil)) - recorded.loss) <= 1e-6, "\(build)")
      for (found, wanted) in zip(gradient, recorded.gradient) {
        #expect(abs(Double(found) - 0.5 * wanted) <= 2e-7, "\(build)")
      }
    }
  }

  @Test("The other losses equal PyTorch's in every build")
  func others() throws {
    let bce = [
      -0.060808508, 0.145941166, 0.143059566, 0.039734307, -0.015808624, -0.12584689, 0.008326396,
      0.016611332, 0.141852494, -0.005995403, 0.005995403, -0.039734307,
    ]
    let mse = [
      0.333333333, -0.166666667, 0.333333333, -1.333333333, 1.333333333, -0.333333333, -0.266666667,
      -0.2, -0.2, 2.0, -2.666666667, 0.666666667,
    ]
    let huber = [
      0.166666667, -0.083333333, 0.166666667, -0.266666667, 0.266666667, -0.166666667, -0.133333333,
      -0.1, -0.1, 0.266666667, -0.266666667, 0.266666667,
    ]
    try onEachBuild { build in
      var g = [Float](repeating: .nan, count: 12)
      let first = Kernels.binaryCrossEntropy(
        count: 12, outputsPerSample: 3, logits: Self.logits, targets: Self.targets, scale: 2,
        gradient: &g)
      #expect(abs(first - 1.4954782305251997) <= 1e-7, "\(build)")
      #expect(zip(g, bce).allSatisfy { abs(Double($0) - 2 * $1) <= 3e-7 }, "\(build)")
      let second = Kernels.meanSquaredError(
        count: 12, outputsPerSample: 3, values: Self.logits, targets: Self.targets, scale: 2,
        gradient: &g)
      #expect(abs(second - 11.7175) <= 1e-6, "\(build)")
      #expect(zip(g, mse).allSatisfy { abs(Double($0) - 2 * $1) <= 5e-7 }, "\(build)")
      let third = Kernels.huber(
        count: 12, outputsPerSample: 3, delta: 0.8, values: Self.logits, targets: Self.targets,
        scale: 2, gradient: &g)
      #expect(abs(third - 2.8587500000000006) <= 1e-6, "\(build)")
      #expect(zip(g, huber).allSatisfy { abs(Double($0) - 2 * $1) <= 3e-7 }, "\(build)")
    }
  }

  @Test(
    "Softmax of any width sums to one and survives large logits, in every build",
    arguments: [1, 2, 10, 17, 1000])
  func softmax(classes: Int) throws {
    let random = GuardedFloats(random: 3 * classes, seed: 31)
    for index in 0..<random.count { random.base[index] *= 1000 }
    try onEachBuild { build in
      let p = GuardedFloats(3 * classes)
      Kernels.softmax(
        samples: 3, classes: classes, logits: random.pointer, probabilities: p.base)
      for n in 0..<3 {
        let row = Array(random.array[n * classes..<(n + 1) * classes]).map(Double.init)
        let most = row.max() ?? 0
        let total = row.reduce(0) { $0 + exp($1 - most) }
        let wanted = row.map { exp($0 - most) / total }
        let found = p.array[n * classes..<(n + 1) * classes]
        #expect(zip(found, wanted).allSatisfy { abs(Double($0) - $1) <= 3e-7 }, "\(build)")
      }
    }
  }
}
