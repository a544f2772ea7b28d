import Reports

extension AllocationReport {
  /// The report as one object, for programs; units are in the names.
  ///
  /// - Parameter version: what the program calls itself.
  /// - Returns: the object; every member is always there.
  public func json(version: String) -> JSONValue {
    [
      "aimass": .text(version), "healthy": .boolean(isHealthy),
      "ranks": .integer(nodes.reduce(0) { $0 + $1.facts.count }), "placement": .text(placement),
      "problems": Self.texts(findings.filter(\.isProblem)),
      "notes": Self.texts(findings.filter { !$0.isProblem }),
      "exclude": .array(excluded.map { .text($0) }), "hosts": .text(hostList),
      "nodes": .array(nodes.map(\.json)), "measurement": measurement?.json ?? .null,
    ]
  }

  private static func texts(_ findings: [Finding]) -> JSONValue {
    .array(findings.map { .text($0.text) })
  }
}

extension AllocationReport.Node {
  var json: JSONValue {
    let first = facts.first ?? RankFacts()
    return [
      "host": .text(host), "healthy": .boolean(problems.isEmpty), "exclude": .boolean(isBad),
      "problems": .array(problems.map { .text($0) }), "notes": .array(notes.map { .text($0) }),
      "cores": .text(cores.description), "coreCount": .integer(cores.count),
      "cgroupCores": first.quota.map { .number($0) } ?? .null,
      "memoryBytes": .integer(first.memoryBytes),
      "availableMemoryBytes": .integer(first.availableBytes),
      "sharedMemory": .text(sharing),
      "supportedKernels": .array(first.supportedKernels.map { .text($0) }),
      "interfaces": .array(first.interfaces.map(\.json)), "ranks": .array(facts.map(\.json)),
    ]
  }

  /// How ranks of the node see each other's memory: `memfd`, `private`, or `alone` with one rank.
  var sharing: String {
    guard facts.count > 1 else { return "alone" }
    return facts.contains { $0.sharingProblem != nil } ? "private" : "memfd"
  }

  /// The processors of all its ranks.
  var cores: (description: String, count: Int) {
    let sets = AllocationReport.unique(facts.map(\.cores))
    guard sets.count > 1 else { return (sets.first ?? "", facts.first?.coreCount ?? 0) }
    return (sets.joined(separator: ";"), facts.reduce(0) { $0 + $1.coreCount })
  }
}

extension NetworkInterface {
  var json: JSONValue {
    [
      "name": .text(name), "addresses": .array(addresses.map { .text($0) }), "up": .boolean(isUp),
      "carrier": .boolean(hasCarrier), "leadsNowhere": .boolean(leadsNowhere),
    ]
  }
}

extension RankFacts {
  var json: JSONValue {
    func table(_ values: [String: String]) -> JSONValue {
      .object(values.sorted { $0.key < $1.key }.map { .init($0.key, .text($0.value)) })
    }
    return [
      "rank": .integer(rank), "host": .text(host), "cores": .text(cores),
      "threads": .integer(threads), "versions": table(versions), "numerics": table(numerics),
      "dataset": dataset.map {
        [
          "digest": $0.digest.map { .text($0) } ?? .null,
          "problem": $0.problem.map { .text($0) } ?? .null,
        ]
      } ?? .null,
    ]
  }
}
