import Tensors
import Testing

@Suite("Sparse matrices")
struct SparseTests {
  /// Samples, inputs and outputs: around tiles, groups and vectors, and nothing at all.
  static let extents = [
    (1, 1, 1), (3, 20, 17), (16, 16, 16), (64, 65, 10), (65, 7, 33), (200, 130, 40),
  ]

  /// A dense layer most of whose weights are zero, some of them negative zeros, and one empty row.
  private struct Case {
    let n, inputs, outputs: Int
    let x, w, b: GuardedFloats
    let sparse: SparseMatrix

    init(_ extents: (Int, Int, Int), live: Float) {
      (n, inputs, outputs) = extents
      x = GuardedFloats(random: n * inputs, seed: 7)
      w = GuardedFloats(random: outputs * inputs, seed: 8)
      b = GuardedFloats(random: outputs, seed: 9)
      let chance = GuardedFloats(random: outputs * inputs, seed: 10)
      for index in 0..<w.count where chance.base[index] > 2 * live - 1 || index < inputs {
        w.base[index] = index % 3 == 0 ? -0.0 : 0
      }
      sparse = SparseMatrix(rows: outputs, columns: inputs, w.pointer)
    }
  }

  @Test("The output equals the definition in every build", arguments: extents, [0, 0.1, 0.5, 1])
  func forward(extents: (Int, Int, Int), live: Float) throws {
    let c = Case(extents, live: live)
    for bias in [c.b, nil] {
      try onEachBuild { build in
        let tile = GuardedFloats(c.inputs * Kernels.sparseTileSamples)
        let y = GuardedFloats(c.n * c.outputs)
        Kernels.sparseForward(
          samples: c.n, x: c.x.pointer, weight: c.sparse, bias: bias?.pointer, tile: tile.base,
          y: y.base)
        for s in 0..<c.n {
          for o in 0..<c.outputs {
            let terms = (0..<c.inputs).map {
              Double(c.w.base[o * c.inputs + $0]) * Double(c.x.base[s * c.inputs + $0])
            }
            let offset = Double(bias?.base[o] ?? 0)
            let expected = terms.reduce(offset, +)
            let magnitude = terms.reduce(abs(offset)) { $0 + abs($1) }
            // Each of k additions rounds once: γ_k = k · 2⁻²⁴ (Higham, Accuracy and Stability, 3.1).
            let bound = magnitude * Double(c.inputs + 2) * 0x1p-24
            #expect(abs(Double(y.base[s * c.outputs + o]) - expected) <= bound, "\(build)")
          }
        }
      }
    }
  }

  @Test("A sample's bits do not depend on its neighbours")
  func aloneAsAmongOthers() throws {
    let c = Case((100, 50, 30), live: 0.3)
    try onEachBuild { build in
      let tile = GuardedFloats(c.inputs * Kernels.sparseTileSamples)
      let all = GuardedFloats(c.n * c.outputs)
      Kernels.sparseForward(
        samples: c.n, x: c.x.pointer, weight: c.sparse, bias: c.b.pointer, tile: tile.base,
        y: all.base)
      for s in [0, 15, 16, 63, 64, 99] {
        let one = GuardedFloats(c.outputs)
        Kernels.sparseForward(
          samples: 1, x: c.x.pointer + s * c.inputs, weight: c.sparse, bias: c.b.pointer,
          tile: tile.base, y: one.base)
        #expect(
          (0..<c.outputs).allSatisfy { one.base[$0] == all.base[s * c.outputs + $0] }, "\(build)")
      }
    }
  }

  @Test("A matrix comes back, with positive zeros", arguments: [0, 0.1, 0.5, 1] as [Float])
  func expands(live: Float) {
    let c = Case((1, 37, 29), live: live)
    let dense = GuardedFloats(37 * 29)
    c.sparse.expand(into: dense.base)
    #expect(dense.array == c.w.array && dense.array.allSatisfy { $0 != 0 || $0.sign == .plus })
    #expect(c.sparse.count == c.w.array.count { $0 != 0 })
    #expect(c.sparse.byteCount == 8 * 30 + 6 * c.sparse.count)
  }
}
