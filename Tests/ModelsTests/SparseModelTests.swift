import Configuration
import Models
import Tensors
import Testing

@Suite struct SparseModelTests {
  /// A network of three linear layers, nine tenths of the first two zero, and eleven samples.
  private func pruned() throws -> Bench {
    let bench = try Bench(
      network([linear(90), relu, linear(70), relu]), [values("x", [300]), labels("y", classes: 3)],
      capacity: 11)
    let random = CounterRandom(seed: 4, purpose: .synthesis)
    for slot in bench.model.layout.slots where slot.name.hasPrefix("modalities") {
      for place in slot.range where slot.shape.count == 2 && random.uniform(at: place) < 0.9 {
        bench.store.base[place] = 0
      }
    }
    return bench
  }

  @Test func withoutZerosTheOutputsAreTheSame() throws {
    let bench = try pruned()
    bench.evaluate()
    let dense = bench.output()
    let found = bench.model.leaveOutZeros(of: bench.store.base)
    // The head has no zeros and stays as it is.
    #expect(found.layers == 2 && found.allLayers == 3 && found.weights == 300 * 90 + 90 * 70)
    #expect(abs(Double(found.live) / Double(found.weights) - 0.1) < 0.02)
    bench.evaluate()
    let sparse = bench.output()
    #expect(zip(dense, sparse).allSatisfy { abs($0 - $1) <= 1e-6 * max(1, abs($0)) })
    // Over more than 256 inputs a dense sum has several stretches, a sparse one has not: if they were
    // equal to the last bit, the other product would not have run.
    #expect(dense != sparse)
  }

  @Test func trainingUsesAllWeights() throws {
    let bench = try pruned()
    let objective = bench.train()
    let gradients = bench.gradientValues
    bench.model.leaveOutZeros(of: bench.store.base)
    #expect(bench.train() == objective && bench.gradientValues == gradients)
  }

  @Test func otherParametersAreNotMistakenForThese() throws {
    let bench = try pruned()
    let other = try Bench(
      network([linear(90), relu, linear(70), relu]), [values("x", [300]), labels("y", classes: 3)],
      capacity: 11, seed: 12)
    other.evaluate()
    let expected = other.output()
    bench.model.leaveOutZeros(of: bench.store.base)
    bench.model.evaluate(bench.microbatch, UnsafePointer(other.store.base))
    #expect(bench.output() == expected)
  }
}
