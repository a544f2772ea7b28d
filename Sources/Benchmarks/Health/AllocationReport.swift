/// One thing found wrong or worth knowing.
public struct Finding: Sendable, Equatable {
  /// Whether training would fail or suffer; otherwise it is only worth knowing.
  public var isProblem: Bool
  /// Whether leaving out the node would mend it.
  public var blamesNode: Bool
  /// What was found and what to do.
  public var text: String

  /// A finding from its parts.
  public init(isProblem: Bool, blamesNode: Bool, _ text: String) {
    self.isProblem = isProblem
    self.blamesNode = blamesNode
    self.text = text
  }

  /// Something that leaving out the node would mend.
  static func fault(_ text: String) -> Finding {
    Finding(isProblem: true, blamesNode: true, text)
  }

  /// Something wrong with how the job was started or set up.
  static func problem(_ text: String) -> Finding {
    Finding(isProblem: true, blamesNode: false, text)
  }

  /// Something worth knowing.
  static func note(_ text: String) -> Finding {
    Finding(isProblem: false, blamesNode: false, text)
  }
}

/// What a doctor says of all nodes of a job; a pure function of what ranks saw and measured.
public struct AllocationReport: Sendable, Equatable {
  /// One node and the verdict on it.
  public struct Node: Sendable, Equatable {
    /// The host name, as its first rank sees it.
    public var host: String
    /// What its ranks saw, in order.
    public var facts: [RankFacts]
    /// What was found.
    public var findings: [Finding]

    /// What is wrong.
    public var problems: [String] { findings.filter(\.isProblem).map(\.text) }
    /// What is worth knowing.
    public var notes: [String] { findings.filter { !$0.isProblem }.map(\.text) }
    /// Whether a job should do without it.
    public var isBad: Bool { findings.contains { $0.isProblem && $0.blamesNode } }
  }

  /// The nodes, by their lowest ranks.
  public var nodes: [Node]
  /// Findings that concern no single node.
  public var findings: [Finding]
  /// What was measured; nil where nothing was.
  public var measurement: AllocationMeasurement?
  /// Where ranks were put, in one line.
  public var placement: String

  /// Judges a job.
  ///
  /// - Parameters:
  ///   - facts: one per rank, in order, at least one.
  ///   - measurement: of the same ranks; nil where nothing was measured.
  ///   - placement: where ranks were put, in one line.
  ///   - misplaced: what is wrong with that, each with the host names it concerns.
  public init(
    _ facts: [RankFacts], measurement: AllocationMeasurement?, placement: String,
    misplaced: [(hosts: [String], text: String)]
  ) {
    self.measurement = measurement
    self.placement = placement
    let count = (facts.map(\.node).max() ?? 0) + 1
    let groups = (0..<count).map { node in facts.filter { $0.node == node } }
    let nodes = groups.map { group in
      Node(host: group.first?.host ?? "", facts: group, findings: [])
    }
    let consensus = Consensus(facts)
    let names = HostNames(nodes)
    let speed = measurement.map { SpeedVerdict($0) }
    self.nodes = nodes.enumerated().map { index, node in
      var node = node
      node.findings = names.findings(index)
      node.findings += consensus.findings(node.facts)
      node.findings += Self.findings(of: node)
      node.findings += speed?.findings(ofNode: index) ?? []
      node.findings += misplaced.filter { $0.hosts.contains(node.host) }.map { .problem($0.text) }
      return node
    }
    findings = speed?.findings ?? []
    findings += Self.interfaces(nodes)
  }

  /// Whether nothing is wrong.
  public var isHealthy: Bool {
    nodes.allSatisfy { $0.problems.isEmpty } && !findings.contains(where: \.isProblem)
  }

  /// Host names of nodes that a job should do without; none where all are bad, for leaving out all
  /// mends nothing.
  public var excluded: [String] {
    let bad = nodes.filter(\.isBad).map(\.host)
    return bad.count == nodes.count ? [] : bad
  }

  /// The other nodes with their ranks, as `mpirun --host` takes them.
  public var hostList: String {
    nodes.filter { !excluded.contains($0.host) }.map { "\($0.host):\($0.facts.count)" }
      .joined(separator: ",")
  }

  /// What a node shows by itself.
  private static func findings(of node: Node) -> [Finding] {
    guard let first = node.facts.first else { return [] }
    var found: [Finding] = []
    if node.facts.contains(where: { $0.supportedKernels == ["baseline"] }) {
      found.append(.fault("the processor has no AVX2: expect a quarter of the speed"))
    }
    let least = max(256 << 20, first.memoryBytes / 50)
    if first.availableBytes < least {
      found.append(
        .fault(
          "only \(first.availableBytes >> 20) MiB of memory are left, expected at least "
            + "\(least >> 20) MiB; end what else runs there"))
    }
    if node.facts.count > 1, let problem = node.facts.compactMap(\.sharingProblem).first {
      found.append(.note("ranks hold private replicas of the weights: \(problem)"))
    }
    for problem in unique(node.facts.compactMap { $0.dataset?.problem }) {
      found.append(.fault(problem))
    }
    for problem in unique(node.facts.flatMap(\.folderProblems)) { found.append(.fault(problem)) }
    return found
  }

  private static func interfaces(_ nodes: [Node]) -> [Finding] {
    guard !nodes.contains(where: { $0.facts.contains(where: \.hasChosenInterfaces) }) else {
      return []
    }
    let verdict = InterfaceVerdict(nodes.map { $0.facts.first?.interfaces ?? [] })
    guard let options = verdict.options else { return [] }
    let names = verdict.useless.joined(separator: ", ")
    guard verdict.repeated.isEmpty else {
      return [
        .problem(
          "several nodes carry the address \(verdict.repeated.joined(separator: ", ")), so messages "
            + "may come back to who sent them; add \(options)")
      ]
    }
    return [.note("\(names) leads to no other node, and Open MPI may try it; add \(options)")]
  }

  /// Each text once, in order.
  static func unique(_ texts: [String]) -> [String] {
    texts.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }
}
