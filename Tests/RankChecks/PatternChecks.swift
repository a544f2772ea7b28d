import Configuration
import Foundation
import MPI
import Parameters
import Pruning

/// Matrices and a convolution whose extents divide by no pattern, and one that divides by all.
private func patternLayout() -> ParameterLayout {
  var layout = ParameterLayout()
  func reserve(_ name: String, _ shape: [Int], _ foreign: ForeignLayout = .same) {
    _ = layout.reserve(
      name + ".weight", shape, initializer: .constant(0), foreign: foreign, decaysByDefault: true)
    _ = layout.reserve(name + ".bias", [5], initializer: .constant(0))
  }
  reserve("modalities.m.0", [67, 131])
  reserve("modalities.m.1", [3, 5, 7, 11], .convolution(flat: false))
  reserve("modalities.m.2", [64, 64])
  reserve("modalities.m.3", [1, 3])
  return layout
}

private func patternWeights(_ layout: ParameterLayout, isTied: Bool) -> [Float] {
  var state: UInt64 = 0x9E37_79B9_7F4A_7C15
  return (0..<layout.count).map { _ in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    let sign: Float = state & 1 == 0 ? 1 : -1
    return isTied ? sign * Float(state >> 61) / 4 : sign * Float(state >> 40) / Float(1 << 24)
  }
}

/// The places of each rectangle, by the definition: position, then outputs, then inputs.
private func rectangles(_ slot: ParameterSlot, _ height: Int, _ width: Int) -> [[Int]] {
  let isConvolution = slot.shape.count == 4
  let (inputs, outputs) =
    isConvolution ? (slot.shape[2], slot.shape[3]) : (slot.shape[1], slot.shape[0])
  let positions = slot.count / (inputs * outputs)
  var all: [[Int]] = []
  for position in 0..<positions {
    for high in stride(from: 0, to: outputs, by: height) {
      for low in stride(from: 0, to: inputs, by: width) {
        var places: [Int] = []
        for output in high..<min(outputs, high + height) {
          for input in low..<min(inputs, low + width) {
            let place = isConvolution ? input * outputs + output : output * inputs + input
            places.append(slot.offset + position * inputs * outputs + place)
          }
        }
        all.append(places)
      }
    }
  }
  return all
}

/// Masks in patterns are those of the definition on any number of ranks, choice after choice.
func checkPatterns(_ world: Communicator, _ arguments: [String]) throws {
  let layout = patternLayout()
  for isTied in [false, true] {
    let weights = patternWeights(layout, isTied: isTied)
    for (keep, of) in [(2, 4), (1, 4), (4, 8), (1, 2), (3, 64)] {
      try checkGroups(layout, weights, keep, of, world)
    }
    for (height, width) in [(1, 8), (4, 4), (8, 1), (1, 1), (100, 200)] {
      for scope in [PruningConfiguration.Scope.global, .layer] {
        try checkBlocks(layout, weights, height, width, scope, world)
      }
    }
  }
  try checkPatternRefusals(layout, world)
  if let folder = arguments.first { try writePatterns(layout, world, folder) }
}

private func makePlan(
  _ layout: ParameterLayout, _ pattern: PruningConfiguration.Pattern,
  _ scope: PruningConfiguration.Scope = .global, keepAtLeast: Double = 0
) throws -> PruningPlan {
  try PruningPlan(
    PruningConfiguration(
      schedule: .oneShot(sparsity: 0.5, at: 0), scope: scope, pattern: pattern,
      keepAtLeast: keepAtLeast), layout: layout)
}

private func choose(
  _ plan: PruningPlan, _ layout: ParameterLayout, _ weights: [Float], _ sparsity: Double,
  _ mask: ParameterMask?, _ world: Communicator
) throws -> MaskChoice {
  try weights.withUnsafeBufferPointer { values in
    guard let base = values.baseAddress else { throw CheckFailure("no weights") }
    return try PatternSelector(plan, count: layout.count, RadixSelect(world, guessedFrom: 1))
      .choose(sparsity: sparsity, scores: base, mask: mask)
  }
}

private func deadPlaces(_ choice: MaskChoice, _ layout: ParameterLayout) -> Set<Int> {
  Set((0..<layout.count).filter { !choice.mask.isLive($0) })
}

private func checkGroups(
  _ layout: ParameterLayout, _ weights: [Float], _ keep: Int, _ of: Int, _ world: Communicator
) throws {
  let plan = try makePlan(layout, .group(keep: keep, of: of))
  let choice = try choose(plan, layout, weights, 0.5, nil, world)
  var expected: Set<Int> = []
  for tensor in plan.tensors {
    guard let slot = layout[tensor.name] else { throw CheckFailure("no \(tensor.name)") }
    for places in rectangles(slot, 1, of) {
      let sorted = places.sorted { (weights[$0].magnitude, $0) < (weights[$1].magnitude, $1) }
      expected.formUnion(sorted.prefix(max(0, places.count - keep)))
    }
  }
  try expectEqual(deadPlaces(choice, layout), expected, "\(keep) of \(of)")
  try expectEqual(choice.zeros.reduce(0, +), plan.zeros(at: 0.5), "zeros of \(keep):\(of)")
  // What is dead counts first: another choice changes nothing.
  let again = try choose(plan, layout, weights.reversed(), 0.5, choice.mask, world)
  try expectEqual(again.mask.checksum, choice.mask.checksum, "\(keep) of \(of), again")
}

private func checkBlocks(
  _ layout: ParameterLayout, _ drawn: [Float], _ height: Int, _ width: Int,
  _ scope: PruningConfiguration.Scope, _ world: Communicator
) throws {
  let plan = try makePlan(layout, .block(outputs: height, inputs: width), scope)
  var weights = drawn
  var (mask, before): (ParameterMask?, Set<Int>) = (nil, [])
  // Of a tensor that is one block nothing can be taken away.
  for sparsity in height > 8 ? [0.0] : [0, 0.3, 0.3, 0.45] {
    let choice = try choose(plan, layout, weights, sparsity, mask, world)
    var expected: Set<Int> = []
    for group in 0..<plan.groupCount {
      var all: [(isDead: Int, mean: Float, places: [Int])] = []
      for tensor in plan.tensors(ofGroup: group) {
        guard let slot = layout[tensor.name] else { throw CheckFailure("no \(tensor.name)") }
        for places in rectangles(slot, height, width) {
          let sum = places.reduce(0.0) { $0 + Double(weights[$1].magnitude) }
          all.append(
            (
              before.contains(places[0]) ? 0 : 1, Float(sum / Double(places.count)), places
            ))
        }
      }
      let order = all.indices.sorted {
        (all[$0].isDead, all[$0].mean, $0) < (all[$1].isDead, all[$1].mean, $1)
      }
      let count = Int((sparsity * Double(all.count)).rounded())
      for index in order.prefix(count) { expected.formUnion(all[index].places) }
    }
    let found = deadPlaces(choice, layout)
    let keepsOne = plan.tensors.allSatisfy { tensor in
      !tensor.range.allSatisfy(expected.contains)
    }
    if keepsOne {
      try expectEqual(found, expected, "\(height)x\(width), \(scope), \(sparsity)")
    }
    for tensor in plan.tensors {
      try expectEqual(tensor.range.allSatisfy(found.contains), false, "\(tensor.name) is empty")
    }
    try expectEqual(found.isSuperset(of: before), true, "what was dead")
    (mask, before) = (choice.mask, found)
    for place in found { weights[place] = 0 }
  }
}

private func checkPatternRefusals(_ layout: ParameterLayout, _ world: Communicator) throws {
  for pattern in [
    PruningConfiguration.Pattern.group(keep: 2, of: 4), .block(outputs: 1, inputs: 8),
  ] {
    let plan = try makePlan(layout, pattern)
    for bad in [Float.nan, .infinity] {
      var weights = patternWeights(layout, isTied: false)
      weights[plan.tensors[1].range.upperBound - 1] = bad
      do {
        _ = try choose(plan, layout, weights, 0.5, nil, world)
      } catch let error as PruningError where error.code == .nonFinite {
        continue
      }
      throw CheckFailure("\(pattern) accepts \(bad)")
    }
  }
}

/// Weights and masks for NumPy, with the shape of each tensor in its name.
private func writePatterns(
  _ layout: ParameterLayout, _ world: Communicator, _ folder: String
) throws {
  let weights = patternWeights(layout, isTied: true)
  let cases: [(String, PruningConfiguration.Pattern)] = [
    ("2of4", .group(keep: 2, of: 4)), ("1x8", .block(outputs: 1, inputs: 8)),
  ]
  for (name, pattern) in cases {
    let plan = try makePlan(layout, pattern)
    let choice = try choose(plan, layout, weights, 0.55, nil, world)
    guard world.rank == 0 else { continue }
    for (index, tensor) in plan.tensors.enumerated() {
      let values = tensor.range.map { weights[$0].bitPattern }
      try values.withUnsafeBytes { Data($0) }.write(
        to: URL(fileURLWithPath: "\(folder)/\(index).weights"))
      try Data(tensor.range.map { choice.mask.isLive($0) ? 1 : 0 }).write(
        to: URL(fileURLWithPath: "\(folder)/\(index).\(name)"))
    }
  }
}
