import Buffers
import Tensors

/// A linear layer computed with and without its zeros.
public struct SparseMeasurement: Sendable, Equatable {
  /// O and I of the layer.
  public var outputs, inputs: Int
  /// Samples at a time.
  public var samples: Int
  /// The share of weights that are zero.
  public var zeros: Double
  /// Seconds of a product with all weights, the best of many.
  public var dense: Double
  /// Seconds of a product without the zeros, the best of as many, in turn with the others.
  public var sparse: Double

  /// How many times faster it is without the zeros.
  public var ratio: Double { dense / sparse }
}

/// Measures what leaving out zeros saves.
public enum SparseBenchmark {
  /// Shares of zeros that are measured.
  public static let shares = [0.5, 0.6, 0.8, 0.9, 0.95, 0.98]
  /// O and I of the layers that are measured.
  public static let layers = [(outputs: 1024, inputs: 1024), (outputs: 300, inputs: 784)]

  /// Measures all layers and shares on the calling thread.
  ///
  /// - Parameters:
  ///   - samples: n, at a time.
  ///   - rounds: how often each product is computed; both kinds in turn.
  /// - Returns: layer by layer, from few zeros to many.
  /// - Precondition: both are at least 1.
  public static func run(samples: Int, rounds: Int) -> [SparseMeasurement] {
    layers.flatMap { layer in
      shares.map { measure(layer.outputs, layer.inputs, zeros: $0, samples, rounds) }
    }
  }

  private static func measure(
    _ outputs: Int, _ inputs: Int, zeros: Double, _ samples: Int, _ rounds: Int
  ) -> SparseMeasurement {
    let weights = HostBuffer<Float>(count: outputs * inputs)
    let random = CounterRandom(seed: 1, purpose: .synthesis)
    for index in 0..<weights.count where Double(random.uniform(at: index)) >= zeros {
      weights.base[index] = Float(index % 5) - 2.5
    }
    let x = HostBuffer<Float>(count: samples * inputs)
    for index in 0..<x.count { x.base[index] = Float(index % 7) - 3 }
    let y = HostBuffer<Float>(count: samples * outputs)
    let tile = HostBuffer<Float>(count: inputs * Kernels.sparseTileSamples)
    let sparse = SparseMatrix(rows: outputs, columns: inputs, weights.base)
    var result = SparseMeasurement(
      outputs: outputs, inputs: inputs, samples: samples,
      zeros: 1 - Double(sparse.count) / Double(weights.count), dense: .infinity, sparse: .infinity)
    for _ in 0..<rounds {
      let start = steadySeconds()
      Kernels.linearForward(
        samples: samples, inputs: inputs, outputs: outputs, x: x.base, weight: weights.base,
        bias: nil, y: y.base)
      let middle = steadySeconds()
      Kernels.sparseForward(
        samples: samples, x: x.base, weight: sparse, bias: nil, tile: tile.base, y: y.base)
      result.dense = min(result.dense, middle - start)
      result.sparse = min(result.sparse, steadySeconds() - middle)
    }
    return result
  }
}
