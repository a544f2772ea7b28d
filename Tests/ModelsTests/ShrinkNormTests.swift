import Configuration
import Models
import Parameters
import Tensors
import Testing

/// Dimensions that a layer norm reads.
///
/// A layer norm over fewer dimensions has another mean and variance than one over the same dimensions and zeros, so the network
/// to compare with is another one: every dead dimension holds the mean of the live ones, because each layer that writes to it has
/// the mean of the live rows there. That leaves the mean as it is and makes the variance n / m times smaller for m of n
/// dimensions, which the scale (√(m / n)) and ε (m / n) of the norm put right. Columns that read dead dimensions are zero.
@Suite struct ShrinkNormTests {
  private static func configuration(epsilon: Double) -> ModelConfiguration {
    network([
      .embedding(size: 8), .positional(.learned(length: 6)),
      .residual(
        layers: [
          .layerNorm(epsilon: epsilon), .attention(AttentionConfiguration(heads: 2, headSize: 3)),
        ],
        shortcut: []),
      .residual(
        layers: [.layerNorm(epsilon: epsilon), linear(10), .activation(.gelu), linear(8)],
        shortcut: []), .layerNorm(epsilon: epsilon), .pool(.mean),
    ])
  }

  private static let fields = [labels("x", [6], classes: 11), labels("y", classes: 3)]

  /// The slots that write to the dimensions, by the axis of the dimensions, and those that read them.
  private static let writers = [
    "0.weight": 1, "1.weight": 1, "2.layers.1.output.weight": 0, "2.layers.1.output.bias": 0,
    "3.layers.3.weight": 0, "3.layers.3.bias": 0,
  ]

  @Test func dimensionsGoThroughNorms() throws {
    let item = ShrinkTests.Case(
      name: "norms", configuration: Self.configuration(epsilon: 1e-3), fields: Self.fields,
      smaller: [])
    let bench = try Bench(item.configuration, Self.fields, capacity: 4)
    let graph = bench.model.units
    let groups = graph.groups(of: [.embeddings, .neurons]).filter { group in
      group.units.contains { graph.widths[0].lanes[0].contains($0) }
    }
    // The stream of the residuals is one group for each dimension.
    #expect(groups.count == 8)
    let removed = Set([groups[1], groups[4], groups[6]].flatMap(\.units))
    let (small, _) = try ShrinkTests.shrunk(bench, graph, removed, item)
    let share = 5.0 / 8.0
    let whole = try Bench(Self.configuration(epsilon: 1e-3 * share), Self.fields, capacity: 4)
    _ = whole.store.all.update(fromContentsOf: bench.store.all)
    for slot in whole.model.layout.slots {
      Self.equalise(slot, whole.store, graph, removed, share: Float(share.squareRoot()))
    }
    whole.evaluate()
    small.evaluate()
    #expect(ShrinkTests.close(whole.output(), small.output(), 1e-5))
    bench.evaluate()
    #expect(!ShrinkTests.close(bench.output(), small.output(), 1e-2))
  }

  /// Makes a slot of the whole network what the comparison needs.
  private static func equalise(
    _ slot: ParameterSlot, _ store: ParameterStore, _ graph: UnitGraph, _ removed: Set<Int>,
    share: Float
  ) {
    let base = store.base + slot.offset
    let name = String(slot.name.dropFirst("modalities.x.".count))
    guard let axis = writers[name], let units = graph.slots[slot.name]?[axis]?.numbers else {
      for place in ShrinkTests.dead(graph, slot, removed) { store.base[place] = 0 }
      let scales = ["2.layers.0.weight", "3.layers.0.weight", "4.weight"]
      if scales.contains(name) { for place in slot.range { store.base[place] *= share } }
      return
    }
    let inner = slot.shape[(axis + 1)...].reduce(1, *)
    for outer in 0..<slot.count / (inner * units.count) {
      for column in 0..<inner {
        func place(_ index: Int) -> Int { (outer * units.count + index) * inner + column }
        let live = units.indices.filter { !removed.contains(units[$0]) }
        let mean = live.reduce(Float(0)) { $0 + base[place($1)] } / Float(live.count)
        for index in units.indices where removed.contains(units[index]) {
          base[place(index)] = mean
        }
      }
    }
  }
}
