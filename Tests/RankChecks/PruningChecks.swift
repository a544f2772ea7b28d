import Configuration
import Foundation
import MPI
import Parameters
import Pruning

/// Tensors of uneven sizes, some of them beside what is never pruned.
private func prunableLayout() -> ParameterLayout {
  var layout = ParameterLayout()
  let sizes = [(1, 70), (123, 101), (40, 3), (64, 64), (211, 60), (10, 8)]
  for (index, size) in sizes.enumerated() {
    _ = layout.reserve(
      "modalities.m.\(index).weight", [size.0, size.1], initializer: .constant(0),
      decaysByDefault: true)
    _ = layout.reserve("modalities.m.\(index).bias", [size.1], initializer: .constant(0))
  }
  return layout
}

/// The ways in which weights can be unlucky.
private enum Draw: String, CaseIterable {
  case scattered, few, zeros, equal, denormal, huge
}

private func drawnWeights(_ kind: Draw, _ count: Int) -> [Float] {
  var state: UInt64 = 0x2545_F491_4F6C_DD1D
  return (0..<count).map { _ in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    let sign: Float = state & 1 == 0 ? 1 : -1
    let unit = Float(state >> 40) / Float(1 << 24)
    switch kind {
    case .scattered: return sign * unit * unit
    case .few: return sign * Float(state >> 60) / 8
    case .zeros: return state >> 62 == 0 ? sign * 0 : sign * unit
    case .equal: return sign * 0.25
    case .denormal: return sign * Float(bitPattern: UInt32(state >> 44))
    case .huge: return sign * Float.greatestFiniteMagnitude * (0.5 + unit / 2)
    }
  }
}

/// The blocks of a rank: dealt in turn, all on one rank, or in uneven runs.
private func dealtBlocks(_ way: Int, _ layout: ParameterLayout, _ world: Communicator) -> BlockSet {
  let (rank, size) = (world.rank, world.size)
  let all = 0..<layout.blockCount
  switch way {
  case 0: return BlockSet(all.filter { $0 % size == rank }.map { $0..<$0 + 1 }, of: layout)
  case 1: return BlockSet(rank == size - 1 ? [all] : [], of: layout)
  default:
    let ends = (0...size).map { $0 == size ? all.count : all.count * $0 * $0 / (size * size) }
    return BlockSet([ends[rank]..<ends[rank + 1]], of: layout)
  }
}

/// What is dead by the definition: sorted by what is dead already, bits and place.
private func sortedOut(
  _ plan: PruningPlan, _ weights: [Float], _ sparsity: Double, _ dead: Set<Int>
) -> Set<Int> {
  var all: Set<Int> = []
  for group in 0..<plan.groupCount {
    var rest = plan.tensors(ofGroup: group)
    var left = plan.zeros(ofGroup: group, at: sparsity)
    func first(_ count: Int, of tensors: [PruningPlan.Tensor]) -> [Int] {
      let keys = tensors.flatMap { Array($0.range) }.map {
        (place: $0, key: dead.contains($0) ? -1 : Int64(weights[$0].magnitude.bitPattern))
      }
      return keys.sorted { ($0.key, $0.place) < ($1.key, $1.place) }.prefix(count).map(\.place)
    }
    while true {
      let found = Set(first(left, of: rest))
      let short = rest.filter { $0.range.count - found.intersection($0.range).count < $0.least }
      guard !short.isEmpty else {
        all.formUnion(found)
        break
      }
      for tensor in short {
        all.formUnion(first(tensor.range.count - tensor.least, of: [tensor]))
        left -= tensor.range.count - tensor.least
      }
      rest.removeAll { short.contains($0) }
    }
  }
  return all
}

/// Masks are those of the definition, whoever owns what, with ties, negative zeros and empty ranks.
func checkPruning(_ world: Communicator, _ arguments: [String]) throws {
  let layout = prunableLayout()
  let scopes: [PruningConfiguration.Scope] = [
    .global, .layer, .groups(["*.1.weight", "*"]),
  ]
  for scope in scopes {
    for keep in [0.001, 0.3] {
      let plan = try PruningPlan(
        PruningConfiguration(
          schedule: .oneShot(sparsity: 0.6, at: 0), scope: scope, keepAtLeast: keep),
        layout: layout)
      for kind in Draw.allCases {
        for way in 0..<3 {
          try checkChoices(
            MaskSelector(
              plan, count: layout.count, RadixSelect(world, guessedFrom: way == 1 ? .max : 1)),
            dealtBlocks(way, layout, world), drawnWeights(kind, layout.count),
            "\(scope), at least \(keep), \(kind.rawValue), dealt \(way)")
        }
      }
    }
  }
  try checkRefusals(of: layout, world)
  if let folder = arguments.first { try writeForOthers(layout, world, folder) }
}

/// A sparsity after the other, of which each keeps what is dead.
private func checkChoices(
  _ selector: MaskSelector, _ owned: BlockSet, _ drawn: [Float], _ what: String
) throws {
  var weights = drawn
  var (mask, dead): (ParameterMask?, Set<Int>) = (nil, [])
  for sparsity in [0, 0.25, 0.25, 0.5, 0.69] {
    let choice = try choose(selector, owned, weights, sparsity, mask)
    let expected = sortedOut(selector.plan, weights, sparsity, dead)
    let found = Set((0..<weights.count).filter { !choice.mask.isLive($0) })
    try expectEqual(found, expected, "dead at \(sparsity), \(what)")
    try expectEqual(
      weights.count - choice.mask.liveCount, selector.plan.zeros(at: sparsity), "zeros, \(what)")
    try expectEqual(
      choice.zeros, selector.plan.tensors.map { found.intersection($0.range).count },
      "zeros by tensor, \(what)")
    (mask, dead) = (choice.mask, found)
    for place in found { weights[place] = place % 2 == 0 ? 0 : -0.0 }
  }
}

private func choose(
  _ selector: MaskSelector, _ owned: BlockSet, _ weights: [Float], _ sparsity: Double,
  _ mask: ParameterMask?
) throws -> MaskChoice {
  try weights.withUnsafeBufferPointer { values in
    guard let base = values.baseAddress else { throw CheckFailure("no weights") }
    return try selector.choose(
      sparsity: sparsity,
      scores: owned.stretches.map {
        ScoreStretch(range: $0.range, base: base + $0.range.lowerBound)
      }, mask: mask)
  }
}

/// What cannot be chosen from is told on all ranks.
private func checkRefusals(of layout: ParameterLayout, _ world: Communicator) throws {
  let plan = try PruningPlan(
    PruningConfiguration(schedule: .oneShot(sparsity: 0.5, at: 0)), layout: layout)
  let selector = MaskSelector(plan, count: layout.count, RadixSelect(world, guessedFrom: 1))
  let owned = dealtBlocks(2, layout, world)
  for bad in [Float.nan, -.nan, .infinity, -.infinity] {
    var weights = drawnWeights(.scattered, layout.count)
    weights[plan.tensors[3].range.lowerBound + 5] = bad
    try expectCode(.nonFinite) { _ = try choose(selector, owned, weights, 0.5, nil) }
    // What is not pruned may be anything.
    weights = drawnWeights(.scattered, layout.count)
    weights[plan.tensors[0].range.upperBound] = bad
    _ = try choose(selector, owned, weights, 0.5, nil)
  }
  // A mask of which one dead weight is not 0 any more.
  var weights = drawnWeights(.scattered, layout.count)
  let first = try choose(selector, owned, weights, 0.5, nil)
  for place in weights.indices where !first.mask.isLive(place) { weights[place] = 0 }
  for tensor in plan.tensors { for place in tensor.range { weights[place] = 1 } }
  try expectCode(.disagreement) { _ = try choose(selector, owned, weights, 0.9, first.mask) }
}

private func expectCode(_ code: PruningError.Code, _ body: () throws -> Void) throws {
  do {
    try body()
  } catch let error as PruningError {
    return try expectEqual(error.code, code, "\(error)")
  }
  throw CheckFailure("expected the error \(code)")
}

/// Weights and masks as raw numbers, for a second opinion.
private func writeForOthers(
  _ layout: ParameterLayout, _ world: Communicator, _ folder: String
) throws {
  let plan = try PruningPlan(
    PruningConfiguration(
      schedule: .oneShot(sparsity: 0.5, at: 0), keepAtLeast: 0), layout: layout)
  let selector = MaskSelector(plan, count: layout.count, RadixSelect(world))
  let weights = drawnWeights(.scattered, layout.count)
  let choice = try choose(selector, dealtBlocks(0, layout, world), weights, 0.83, nil)
  guard world.rank == 0 else { return }
  for (index, tensor) in plan.tensors.enumerated() {
    let values = tensor.range.map { weights[$0].bitPattern }
    try values.withUnsafeBytes { Data($0) }.write(
      to: URL(fileURLWithPath: "\(folder)/\(index).weights"))
    try Data(tensor.range.map { choice.mask.isLive($0) ? 1 : 0 }).write(
      to: URL(fileURLWithPath: "\(folder)/\(index).mask"))
  }
}
