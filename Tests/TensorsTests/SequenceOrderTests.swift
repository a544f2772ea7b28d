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
