/// What must be equal on all ranks, and what most of them have.
struct Consensus {
  private let versions: [String: String]
  private let numerics: [String: String]
  private let digest: String?

  /// Finds what most ranks have; where as many have one as another, what the lowest rank has.
  init(_ facts: [RankFacts]) {
    versions = Self.most(facts.map(\.versions))
    numerics = Self.most(facts.map(\.numerics))
    digest = Self.most(facts.compactMap { $0.dataset?.digest })
  }

  /// In what the ranks of a node differ from most.
  func findings(_ ranks: [RankFacts]) -> [Finding] {
    var texts: [String] = []
    for rank in ranks {
      for (name, value) in versions.sorted(by: { $0.key < $1.key }) {
        let found = rank.versions[name] ?? "none"
        if found != value {
          texts.append("\(name) is \(found), on most ranks \(value); install the same everywhere")
        }
      }
      for (name, value) in numerics.sorted(by: { $0.key < $1.key }) {
        let found = rank.numerics[name] ?? "none"
        if found != value {
          texts.append(
            "\(name): \(found), on most ranks \(value), so ranks would disagree (76); give all of them "
              + "what every node has, for example -x AIMASS_KERNELS=v3 -x OPENBLAS_CORETYPE=Haswell"
          )
        }
      }
      if let digest, let found = rank.dataset?.digest, found != digest {
        texts.append(
          "the data has digest \(found.prefix(8))..., on most ranks \(digest.prefix(8))...; copy it again"
        )
      }
    }
    return AllocationReport.unique(texts).map { .fault($0) }
  }

  private static func most(_ tables: [[String: String]]) -> [String: String] {
    let names = Set(tables.flatMap(\.keys))
    return names.reduce(into: [:]) { result, name in
      result[name] = most(tables.map { $0[name] ?? "none" })
    }
  }

  private static func most(_ values: [String]) -> String? {
    var counts: [String: Int] = [:]
    for value in values { counts[value, default: 0] += 1 }
    let top = counts.values.max()
    return values.first { counts[$0] == top }
  }
}

/// Whether nodes and their names belong together one to one.
struct HostNames {
  private let nodes: [AllocationReport.Node]

  init(_ nodes: [AllocationReport.Node]) { self.nodes = nodes }

  /// What is wrong with the name of a node.
  func findings(_ index: Int) -> [Finding] {
    let node = nodes[index]
    var found: [Finding] = []
    let names = AllocationReport.unique(node.facts.map(\.host))
    if names.count > 1 {
      found.append(
        .problem("its ranks see several host names: \(names.joined(separator: ", "))"))
    }
    if Set(node.facts.map(\.machine)).count > 1 {
      found.append(
        .problem(
          "several machines carry the host name \(node.host), and Open MPI takes them for one node; "
            + "give each a name of its own"))
    }
    let others = nodes.indices.filter { $0 != index }
    if others.contains(where: { nodes[$0].host == node.host }) {
      found.append(
        .problem(
          "two nodes carry the host name \(node.host), so host lists cannot tell them apart; give "
            + "each a name of its own, or name each machine once"))
    }
    let machine = node.facts.first?.machine ?? ""
    let twins = others.filter {
      !machine.isEmpty && nodes[$0].facts.first?.machine == machine && nodes[$0].host != node.host
    }
    if !twins.isEmpty {
      let shown = twins.prefix(3).map { nodes[$0].host }.joined(separator: ", ")
      let more = twins.count > 3 ? " and \(twins.count - 3) more" : ""
      found.append(
        .note(
          "shares one machine with \(shown)\(more): containers or virtual nodes, one set of cores"))
    }
    return found
  }
}
