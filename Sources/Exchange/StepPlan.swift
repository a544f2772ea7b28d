/// The additions and messages of a step of V microbatches, as one node sees them; made once per V.
struct StepPlan {
  /// Who computes what.
  let deal: Deal
  /// Per wave, what each reducer does in its blocks.
  let waves: [FoldProgram]
  /// The node's partial sums after the last wave: which node of the tree, and which kept sum.
  let sums: [(node: Range<Int>, index: Int)]
  /// Partial sums kept at the same time, at most.
  let sumCount: Int
  /// How many partial sums each node ends with.
  let sumsOfNode: [Int]
  /// The first number of each node's sums among those that an owner on this node receives.
  let firstIncoming: [Int]
  /// What an owner does once all nodes' sums are there.
  let finish: FoldProgram
  /// Where the global gradient lies then.
  let result: FoldProgram.Operand

  init(microbatches: Int, topology: Topology, node: Int, group: Int) {
    deal = Deal(microbatches: microbatches, topology: topology, group: group)
    let run = deal.runs[node]
    var planner = FoldPlanner(count: microbatches)
    var next = run.lowerBound
    var programs: [FoldProgram] = []
    for wave in 0..<deal.waves(onNode: node) {
      var program = FoldProgram()
      for local in 0..<deal.count(inWave: wave, onNode: node) {
        planner.push(next..<next + 1, .gradient(local), into: &program)
        next += 1
      }
      planner.settle(into: &program)
      programs.append(program)
    }
    waves = programs
    sumCount = planner.sumCount
    sums = planner.entries.compactMap { entry in
      guard case .sum(let index) = entry.operand else { return nil }
      return (entry.node, index)
    }
    let nodesOfSums = deal.runs.map { SummationTree.nodes(covering: $0, of: microbatches) }
    sumsOfNode = nodesOfSums.map(\.count)
    let elsewhere = sumsOfNode.enumerated().map { $0.offset == node ? 0 : $0.element }
    firstIncoming = elsewhere.indices.map { elsewhere[..<$0].reduce(0, +) }
    (finish, result) = Self.finish(nodesOfSums, node: node, sums: sums, of: microbatches)
  }

  /// The additions of an owner, and where their result lies.
  private static func finish(
    _ nodesOfSums: [[Range<Int>]], node: Int, sums: [(node: Range<Int>, index: Int)],
    of microbatches: Int
  ) -> (FoldProgram, FoldProgram.Operand) {
    var planner = FoldPlanner(count: microbatches)
    var program = FoldProgram()
    var incoming = 0
    for (index, parts) in nodesOfSums.enumerated() {
      for (number, part) in parts.enumerated() {
        if index == node {
          planner.push(part, .sum(sums[number].index), into: &program)
        } else {
          planner.push(part, .incoming(incoming), into: &program)
          incoming += 1
        }
      }
    }
    precondition(
      planner.entries.count == 1 && planner.entries[0].node == 0..<microbatches,
      "the tree over \(microbatches) microbatches is not complete")
    return (program, planner.entries[0].operand)
  }

  /// Partial sums that an owner receives for each of its blocks.
  var incomingCount: Int { finish.operations.count + 1 - sums.count }
}
