import Buffers
import Tensors

/// How fast one kernel ran.
public struct KernelMeasurement: Sendable, Equatable {
  /// What was computed and for what, for example `linear 784 to 512, batch 128, forward`.
  public var name: String
  /// Floating-point operations of one call.
  public var operations: Double
  /// Seconds of one call, the best of many.
  public var seconds: Double

  /// Operations per second.
  public var rate: Double { operations / seconds }
}

/// Measures kernels of training beside what a core can do.
public enum KernelBenchmark {
  /// The products of a layer `y = x · Wᵀ`: what it is, its samples (or rows of a batch), inputs and outputs.
  public static let layers = [
    (name: "mlp, first layer", rows: 128, inputs: 784, outputs: 512),
    (name: "mlp, second layer", rows: 128, inputs: 512, outputs: 512),
    (name: "mlp, ten classes", rows: 128, inputs: 512, outputs: 10),
    (name: "lstm, input", rows: 4_096, inputs: 128, outputs: 1_024),
    (name: "lstm, state of one step", rows: 64, inputs: 256, outputs: 1_024),
    (name: "gru, input", rows: 4_096, inputs: 128, outputs: 768),
    (name: "chargpt, projections", rows: 768, inputs: 128, outputs: 384),
    (name: "chargpt, first of the block", rows: 768, inputs: 128, outputs: 512),
    (name: "chargpt, second of the block", rows: 768, inputs: 512, outputs: 128),
    (name: "chargpt, scores of a head", rows: 64, inputs: 32, outputs: 64),
  ]

  /// Measures what the calling thread's core multiplies and adds at most, in registers.
  ///
  /// - Parameters:
  ///   - rounds: how often it is measured; the best counts.
  ///   - precision: of what is multiplied.
  /// - Returns: one measurement, named `peak`.
  public static func peak(
    rounds: Int, precision: Precision = .float32
  ) -> KernelMeasurement {
    var value: Float = 1
    var result = KernelMeasurement(name: "peak", operations: 0, seconds: .infinity)
    for _ in 0..<rounds {
      let start = threadSeconds()
      result.operations = Kernels.multiplyAdds(
        precision: precision, rounds: 100_000, &value)
      result.seconds = min(result.seconds, threadSeconds() - start)
    }
    return result
  }

  /// Measures forward products, input gradients and weight gradients of all ``layers``.
  ///
  /// - Parameters:
  ///   - rounds: how often each is measured; the best counts.
  ///   - precision: what operands are rounded to.
  /// - Returns: layer by layer, three of each.
  /// - Precondition: `rounds` is at least 1.
  public static func products(
    rounds: Int, precision: Precision = .float32
  ) -> [KernelMeasurement] {
    layers.flatMap { measure($0.name, $0.rows, $0.inputs, $0.outputs, rounds, precision) }
  }

  private static func measure(
    _ name: String, _ rows: Int, _ inputs: Int, _ outputs: Int, _ rounds: Int,
    _ precision: Precision
  ) -> [KernelMeasurement] {
    let x = numbers(rows * inputs)
    let weight = numbers(inputs * outputs)
    let dy = numbers(rows * outputs)
    let result = numbers(max(x.count, weight.count, dy.count))
    let operations = 2 * Double(rows * inputs * outputs)
    func pass(_ part: String, _ compute: () -> Void) -> KernelMeasurement {
      KernelMeasurement(
        name: "\(name), \(part)", operations: operations,
        seconds: best(of: rounds, operations: operations, compute))
    }
    return [
      pass("forward") {
        Kernels.linearForward(
          precision: precision, samples: rows, inputs: inputs, outputs: outputs, x: x.base,
          weight: weight.base,
          bias: nil, y: result.base)
      },
      pass("input gradient") {
        Kernels.linearInputGradient(
          precision: precision, samples: rows, inputs: inputs, outputs: outputs, dy: dy.base,
          weight: weight.base,
          dx: result.base)
      },
      pass("weight gradient") {
        Kernels.linearWeightGradient(
          precision: precision, samples: rows, inputs: inputs, outputs: outputs, x: x.base,
          dy: dy.base,
          weightGradient: result.base, biasGradient: nil)
      },
    ]
  }

  /// The best mean of several calls, as many as the clock needs.
  static func best(
    of rounds: Int, operations: Double, _ compute: () -> Void
  ) -> Double {
    let calls = Int(1e7 / operations) + 1
    var best = Double.infinity
    for _ in 0..<rounds {
      let start = threadSeconds()
      for _ in 0..<calls { compute() }
      best = min(best, (threadSeconds() - start) / Double(calls))
    }
    return best
  }

  static func numbers(_ count: Int) -> HostBuffer<Float> {
    let buffer = HostBuffer<Float>(count: count)
    for index in 0..<count { buffer.base[index] = Float(index % 7) - 3 }
    return buffer
  }
}
