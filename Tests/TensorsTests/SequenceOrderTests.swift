import Tensors
import Testing

@Suite("Order of sequences")
struct SequenceOrderTests {
  @Test("The longest come first, equal ones in their order", arguments: [0, 1, 2, 40, 2_000])
  func sorted(samples: Int) {
    var draws = Draws(seed: UInt64(samples))
    let lengths = (0..<samples).map { _ in draws.integer(0...9) }
    let bench = RecurrentBench(
      Recurrence(cell: .gru, inputs: 1, hidden: 1), lengths: lengths)
    let order = bench.order(reversed: false)
    #expect(order.steps == lengths.max() ?? 0)
    #expect(order.rows == lengths.reduce(0, +))
    let wanted = lengths.indices.sorted {
      lengths[$0] != lengths[$1] ? lengths[$0] > lengths[$1] : $0 < $1
    }
    #expect((0..<samples).map(order.sample) == wanted)
  }
}

@Suite("Products with a packed matrix")
struct PackedProductTests {
  @Test(
    "Products equal the definition, bit for bit whatever the rows, in every build",
    arguments: [(1, 1, 1), (3, 20, 17), (15, 7, 40), (33, 16, 5)])
  func product(rows: Int, inner: Int, columns: Int) throws {
    let x = GuardedFloats(random: rows * inner, seed: 1)
    let matrix = GuardedFloats(random: inner * columns, seed: 2)
    try onEachBuild { build in
      for transposed in [false, true] {
        let packed = GuardedFloats((columns + 15) / 16 * 16 * inner)
        let (step, stride) = transposed ? (1, inner) : (columns, 1)
        Kernels.packMatrix(
          inner: inner, columns: columns, matrix.pointer, innerStride: step, columnStride: stride,
          into: packed.base)
        let y = GuardedFloats(rows * columns)
        Kernels.packedProduct(
          rows: rows, inner: inner, columns: columns, x.pointer, stride: inner,
          packed: packed.pointer, y.base, stride: columns)
        for r in 0..<rows {
          let alone = GuardedFloats(columns)
          Kernels.packedProduct(
            rows: 1, inner: inner, columns: columns, x.pointer + r * inner, stride: inner,
            packed: packed.pointer, alone.base, stride: columns)
          #expect(alone.array == Array(y.array[r * columns..<(r + 1) * columns]), "\(build)")
          for c in 0..<columns {
            var sum = Reference.Sum()
            for i in 0..<inner {
              sum.add(Double(x.base[r * inner + i]) * Double(matrix.base[i * step + c * stride]))
            }
            #expect(sum.admits(y.base[r * columns + c]), "\(build)")
          }
        }
      }
    }
  }
}
