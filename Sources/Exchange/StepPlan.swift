/// The additions and messages of a step of V microbatches, as one node sees them; made once per V.
///
/// Where nodes *merge*, each sends one sum, and the owner adds the nodes' sums from left to right: the
/// bits then follow the nodes, not the tree.
struct StepPlan {
  /// Who computes what.
  let deal: Deal
  /// Per wave, what each reducer does in its blocks.
  let waves: [FoldProgram]
  /// The node's partial sums after the last wave: which node of the tree, and where it lies.
  ///
  /// Sums of two gradients of the last wave take the place of one of them, and a gradient without a
  /// sibling stays where it is: their memory is used again when all of the step is published.
  let sums: [(node: Range<Int>, operand: FoldProgram.Operand)]
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
    let waveCount = deal.waves(onNode: node)
    for wave in 0..<waveCount {
      var program = FoldProgram()
      planner.overwritesGradients = wave == waveCount - 1
      for local in 0..<deal.count(inWave: wave, onNode: node) {
        planner.push(next..<next + 1, .gradient(local), into: &program)
        next += 1
      }
      if wave < waveCount - 1 || merges { planner.settle(into: &program) }
      programs.append(program)
    }
    if merges { planner.merge(into: &programs[programs.count - 1]) }
    waves = programs
    sumCount = planner.sumCount
    sums = planner.entries
    let nodesOfSums = deal.runs.map { run in
      let nodes = SummationTree.nodes(covering: run, of: microbatches)
      return merges && !nodes.isEmpty ? [run] : nodes
    }
    sumsOfNode = nodesOfSums.map(\.count)
    (finish, result, firstIncoming) = Self.ending(
      nodesOfSums, own: node, sums.map(\.operand),
      planner: FoldPlanner(count: microbatches, sums: sumCount), merges: merges)
  }

  /// What an owner on node `own` adds, where the result lies then, and each node's first incoming sum.
  private static func ending(
    _ nodesOfSums: [[Range<Int>]], own: Int, _ sums: [FoldProgram.Operand],
    planner start: FoldPlanner, merges: Bool
  ) -> (FoldProgram, FoldProgram.Operand, firstIncoming: [Int]) {
    var planner = start
    var program = FoldProgram()
    var incoming = 0
    var first: [Int] = []
    for (index, nodes) in nodesOfSums.enumerated() {
      first.append(incoming)
      for (number, part) in nodes.enumerated() {
        if index == own {
          planner.push(part, sums[number], into: &program)
        } else {
          planner.push(part, .incoming(incoming), into: &program)
          incoming += 1
        }
      }
    }
    if merges { planner.merge(into: &program) }
    precondition(
      planner.entries.count == 1 && planner.entries[0].node == 0..<start.count,
      "the tree over \(start.count) microbatches is not complete")
    return (program, planner.entries[0].operand, first)
  }

  /// Partial sums that an owner receives for each of its blocks.
  var incomingCount: Int { finish.operations.count + 1 - sums.count }
}
