import Configuration
import Models
import Parameters
import Tensors
import Testing

/// A network without some of its units computes what the whole one computes when their parameters are zero.
@Suite struct ShrinkTests {
  /// A network and its fields.
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let configuration: ModelConfiguration
    let fields: [MicrobatchField]
    /// Options that must have become smaller.
    let smaller: [String]
    /// Whether it has layer norms.
    var hasNorms = false
    var testDescription: String { name }
  }

  /// The first groups that every other one may be removed of, while each width keeps a unit.
  static func removable(
    _ graph: UnitGraph, _ kinds: Set<UnitGraph.Kind>, seed: UInt64
  ) -> (UnitGraph, Set<Int>) {
    let random = CounterRandom(seed: seed, purpose: .synthesis)
    let paired = graph.pairingLanes { random.uniform(at: $0) < 0.5 ? 0 : 1 }
    var left = Dictionary(
      uniqueKeysWithValues: paired.widths.indices.map { ($0, paired.widths[$0].size) })
    var removed: Set<Int> = []
    for group in paired.groups(of: kinds) where random.uniform(at: group.units[0]) < 0.6 {
      let taken = paired.widths.indices.map { width in
        group.units.count { paired.widths[width].lanes[0].contains($0) }
      }
      guard taken.enumerated().allSatisfy({ left[$0, default: 0] > $1 || $1 == 0 }) else {
        continue
      }
      for (width, count) in taken.enumerated() { left[width, default: 0] -= count }
      removed.formUnion(group.units)
    }
    return (paired, removed)
  }

  /// Random values everywhere, so that no bias, scale or statistic is trivial.
  private static func spread(_ bench: Bench) {
    let random = CounterRandom(seed: 9, purpose: .synthesis)
    for slot in bench.model.layout.slots where slot.shape.count == 1 {
      for place in slot.range {
        let value = 0.3 * random.normal(at: place)
        bench.store.base[place] =
          slot.name.hasSuffix("runningVariance")
          ? 0.5 + abs(value) : bench.store.base[place] + value
      }
    }
  }

  /// The indices of a slot's scalars that belong to removed units.
  static func dead(_ graph: UnitGraph, _ slot: ParameterSlot, _ removed: Set<Int>) -> [Int] {
    guard let axes = graph.slots[slot.name] else { return [] }
    return slot.range.filter { place in
      var rest = place - slot.offset
      for axis in slot.shape.indices.reversed() {
        let index = rest % slot.shape[axis]
        rest /= slot.shape[axis]
        if let unit = axes[axis]?.numbers[index], removed.contains(unit) { return true }
      }
      return false
    }
  }

  /// The smaller network with its share of the parameters.
  static func shrunk(
    _ bench: Bench, _ graph: UnitGraph, _ removed: Set<Int>, _ item: Case
  ) throws -> (Bench, ParameterSlicing) {
    let small = try Bench(
      item.configuration.resized(graph.sizes(without: removed)), item.fields,
      capacity: bench.model.capacity)
    let slicing = try #require(
      ParameterSlicing(from: bench.model.layout, to: small.model.layout) {
        graph.kept($0.name, axes: $0.shape.count, without: removed)
      }, "\(item.name)")
    slicing.copy(from: bench.store.base, to: small.store.base)
    return (small, slicing)
  }

  static func close(_ one: [Float], _ other: [Float], _ tolerance: Float = 1e-6) -> Bool {
    let scale = max(1, one.map { abs($0) }.max() ?? 1)
    return one.count == other.count
      && zip(one, other).allSatisfy { abs($0 - $1) <= tolerance * scale }
  }

  @Test(arguments: Case.all)
  func shrunkIsMasked(_ item: Case) throws {
    for seed in [UInt64(1), 2, 3] {
      let bench = try Bench(item.configuration, item.fields, capacity: 5)
      Self.spread(bench)
      // Without the dimensions that a norm reads: see ShrinkNormTests.
      let kinds = Set(UnitGraph.Kind.allCases.filter { $0 != .embeddings || !item.hasNorms })
      let (graph, removed) = Self.removable(bench.model.units, kinds, seed: seed)
      #expect(!removed.isEmpty, "\(item.name)")
      let sizes = graph.sizes(without: removed)
      if seed == 1 {
        for name in item.smaller {
          let before = graph.widths.first { $0.settings.contains { "\($0)" == name } }
          let after = sizes.first { "\($0.key)" == name }
          #expect(try #require(after, "\(name)").value < (try #require(before, "\(name)")).size)
        }
      }
      let (small, slicing) = try Self.shrunk(bench, graph, removed, item)
      #expect(small.model.layout.count < bench.model.layout.count)
      bench.evaluate()
      let whole = bench.output()
      for slot in bench.model.layout.slots where slot.role == .trainable {
        for place in Self.dead(graph, slot, removed) { bench.store.base[place] = 0 }
      }
      bench.evaluate()
      small.evaluate()
      #expect(Self.close(bench.output(), small.output()), "\(item.name), seed \(seed)")
      // What is removed did something before.
      #expect(!Self.close(whole, small.output()), "\(item.name), seed \(seed)")
      // The gradients of what stays are those of the masked network too.
      bench.train()
      small.train()
      var gradients = [Float](repeating: 0, count: small.model.layout.count)
      bench.gradientValues.withUnsafeBufferPointer { values in
        gradients.withUnsafeMutableBufferPointer { room in
          guard let values = values.baseAddress, let room = room.baseAddress else { return }
          slicing.copy(from: values, to: room)
        }
      }
      #expect(Self.close(gradients, small.gradientValues, 1e-5), "\(item.name), seed \(seed)")
    }
  }

  @Test func optionsThatFollowAreWrittenOnceTheyChange() throws {
    let item = try #require(Case.all.first { $0.name == "transformer" })
    let bench = try Bench(item.configuration, item.fields, capacity: 3)
    let (graph, removed) = Self.removable(bench.model.units, [.heads], seed: 1)
    let small = item.configuration.resized(graph.sizes(without: removed))
    guard case .transformer(let blocks) = small.modalities[0].encoder[1] else {
      Issue.record("no transformer")
      return
    }
    #expect(blocks.headSize == 2 && blocks.hidden == 10 && blocks.heads < 4)
    #expect(graph.sizes(without: []).isEmpty)
    #expect(item.configuration.resized([:]) == item.configuration)
  }

  @Test func whatNoRuleIsKnownForKeepsItsSize() throws {
    let configuration = ModelConfiguration(
      modalities: [
        ModalityConfiguration(name: "x", field: "x", encoder: [linear(3), relu, linear(4)]),
        ModalityConfiguration(name: "z", field: "z", encoder: [linear(3)]),
      ], fusion: .tensor,
      heads: [
        HeadConfiguration(name: "y", layers: [linear(3)], loss: plainCrossEntropy, target: "y")
      ])
    let bench = try Bench(
      configuration, [values("x", [5]), values("z", [2]), labels("y", classes: 3)], capacity: 3)
    let groups = bench.model.units.groups(of: [.neurons])
    #expect(bench.model.units.unruled == ["fusion"])
    // The hidden neurons alone may go: neither what the fusion reads, nor the outputs.
    #expect(groups.count == 3 && groups.allSatisfy { $0.width == 0 })
    #expect(bench.model.units.groups(of: [.filters]).isEmpty)
  }

  @Test func scoresAreMeansOfShares() throws {
    let bench = try Bench(
      network([linear(4), relu, linear(2), relu]), [values("x", [3]), labels("y", classes: 3)],
      capacity: 2)
    let layout = bench.model.layout
    let members = UnitMembers(bench.model.units, layout, names: ["modalities.x.0.weight"])
    for place in 0..<layout.count { bench.store.base[place] = 0 }
    // Rows of 3 with norms 0, 1, 2 and 3.
    for row in 0..<4 { bench.store.base[row * 3] = Float(row) }
    var sums = [Double](repeating: 0, count: members.count)
    members.addProducts(bench.store.base, bench.store.base, to: &sums)
    #expect(sums == [0, 1, 4, 9])
    let scores = members.scores(sums.map { $0.squareRoot() }, units: bench.model.units.count)
    #expect(Array(scores[..<4]) == [0, 1 / 1.5, 2 / 1.5, 2])
  }
}
