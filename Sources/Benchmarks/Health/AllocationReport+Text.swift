import Reports

extension AllocationReport {
  /// The report for a terminal: facts of the nodes, what was measured, a verdict on each node.
  ///
  /// - Returns: lines that each end in a line break.
  public var text: String {
    // Nodes of an allocation are alike: of many only the first is told in full.
    var text = ""
    for node in nodes.prefix(nodes.count > 4 ? 1 : 4) {
      text += "\(node.host): \(HumanUnits.counted(node.facts.count, "rank"))\n"
      text += node.table.text(indent: 2, heading: false) + "\n"
    }
    if let measurement { text += measurement.text(hosts: nodes.map(\.host)) + "\n" }
    text += placement + "\n"
    for node in nodes { text += node.verdict }
    for finding in findings {
      text += "\(finding.isProblem ? "problem" : "note"): \(finding.text)\n"
    }
    if !excluded.isEmpty {
      text += "leave out: --exclude=\(excluded.joined(separator: ",")) (Slurm), or "
      text += "--host \(hostList) (mpirun)\n"
    }
    let ranks = nodes.reduce(0) { $0 + $1.facts.count }
    text += "\(HumanUnits.counted(ranks, "rank")) on \(HumanUnits.counted(nodes.count, "node"))\n"
    return text
  }
}

extension AllocationReport.Node {
  /// What the node is.
  var table: TextTable {
    let first = facts.first ?? RankFacts()
    var table = TextTable([.init("fact"), .init("value")])
    table.add(["cores", "\(cores.count) (\(cores.description))"])
    if let quota = first.quota {
      table.add(["cgroup", HumanUnits.fixed(quota, digits: 1) + " cores"])
    }
    table.add(["threads of a rank", "\(facts.map(\.threads).max() ?? 1)"])
    table.add([
      "memory",
      "\(HumanUnits.bytes(first.memoryBytes)), \(HumanUnits.bytes(first.availableBytes)) available",
    ])
    let words = ["alone": "not needed by one rank", "private": "no: private replicas"]
    table.add(["shared memory", words[sharing] ?? "between all ranks"])
    for (name, value) in first.numerics.sorted(by: { $0.key < $1.key }) {
      table.add([name, value])
    }
    table.add(["kernels it can run", first.supportedKernels.joined(separator: ", ")])
    for (name, value) in first.versions.sorted(by: { $0.key < $1.key }) {
      table.add([name, value])
    }
    let used = first.interfaces.filter { $0.isUp && !$0.isLoopback && !$0.addresses.isEmpty }
    table.add(["interfaces", used.map(\.name).joined(separator: ", ")])
    if let dataset = facts.compactMap(\.dataset).first {
      table.add(["dataset", dataset.digest ?? "cannot be opened"])
    }
    return table
  }

  /// The verdict, what is wrong, and what is worth knowing.
  var verdict: String {
    var text = "\(host)  verdict: "
    switch problems.count {
    case 0: text += "healthy\n"
    case 1: text += problems[0] + "\n"
    default: text += "\(problems.count) problems\n"
    }
    if problems.count > 1 { for problem in problems { text += "  problem: \(problem)\n" } }
    for note in notes { text += "  note: \(note)\n" }
    return text
  }
}
