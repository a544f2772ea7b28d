/// The additions and messages of a step of V microbatches, as one node sees them; made once per V.
///
/// Where nodes *merge*, each sends one sum, and the owner adds the nodes' sums from left to right: the
/// bits then follow the nodes, not the tree.
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

  init(microbatches: Int, topology: Topology, node: Int, group: Int, merges: Bool = false) {
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
    if merges { planner.merge(into: &programs[programs.count - 1]) }
    waves = programs
    sumCount = planner.sumCount
    sums = planner.entries.compactMap { entry in
      guard case .sum(let index) = entry.operand else { return nil }
      return (entry.node, index)
    }
    let nodesOfSums = deal.runs.map { run in
      let nodes = SummationTree.nodes(covering: run, of: microbatches)
      return merges && !nodes.isEmpty ? [run] : nodes
    }
    sumsOfNode = nodesOfSums.map(\.count)
    var ending = FoldPlanner(count: microbatches)
    var program = FoldProgram()
    var incoming = 0
    var first: [Int] = []
    for (index, nodes) in nodesOfSums.enumerated() {
      first.append(incoming)
      for (number, part) in nodes.enumerated() {
        if index == node {
          ending.push(part, .sum(sums[number].index), into: &program)
        } else {
          ending.push(part, .incoming(incoming), into: &program)
          incoming += 1
        }
      }
    }
    if merges { ending.merge(into: &program) }
    precondition(
      ending.entries.count == 1 && ending.entries[0].node == 0..<microbatches,
      "the tree over \(microbatches) microbatches is not complete")
    firstIncoming = first
    finish = program
    result = ending.entries[0].operand
  }

  /// Partial sums that an owner receives for each of its blocks.
  var incomingCount: Int { finish.operations.count + 1 - sums.count }
}
