import Reports

extension AllocationMeasurement {
  /// The measurement as `doctor --json` and `benchmark node --json` write it; units are in the names.
  public var json: JSONValue {
    [
      "ranks": .array(ranks.map(\.json)), "nodes": .array(nodes.map(\.json)),
      "links": .array(
        links.map { link in
          .object(
            [.init("from", .integer(link.from)), .init("to", .integer(link.to))]
              + link.speed.members)
        }),
      "allReduce": .array(
        reductions.map { reduction in
          [
            "bytes": .integer(reduction.bytes), "seconds": .number(reduction.seconds),
            "modelSeconds": reduction.modelSeconds.map { .number($0) } ?? .null,
          ]
        }),
    ]
  }

  /// Reads what ``json`` wrote; nil where something is missing or is no number.
  ///
  /// - Parameter value: the object.
  public init?(json value: JSONValue) {
    guard let ranks = value["ranks"]?.list(Rank.init), !ranks.isEmpty,
      let nodes = value["nodes"]?.list(Node.init), !nodes.isEmpty,
      let links = value["links"]?.list(Link.init),
      let reductions = value["allReduce"]?.list(ReductionSpeed.init)
    else { return nil }
    self.init(ranks: ranks, nodes: nodes, links: links, reductions: reductions)
  }
}

extension JSONValue {
  /// The elements of an array, or nil if it is none or one of them cannot be read.
  fileprivate func list<Element>(_ read: (JSONValue) -> Element?) -> [Element]? {
    guard case .array(let values) = self else { return nil }
    let elements = values.compactMap(read)
    return elements.count == values.count ? elements : nil
  }

  /// The value as a whole number that fits, or nil.
  fileprivate var whole: Int? { double.flatMap { Int(exactly: $0) } }

  /// A number above zero, or nil: rates and times of nothing cannot be divided by.
  fileprivate var positive: Double? { double.flatMap { $0 > 0 ? $0 : nil } }
}

extension LinkSpeed {
  fileprivate var members: [JSONValue.Member] {
    [.init("latencySeconds", .number(latency)), .init("bytesPerSecond", .number(bytesPerSecond))]
  }

  fileprivate init?(_ value: JSONValue) {
    guard let latency = value["latencySeconds"]?.positive,
      let rate = value["bytesPerSecond"]?.positive
    else { return nil }
    self.init(latency: latency, bytesPerSecond: rate)
  }
}

extension AllocationMeasurement.Rank {
  fileprivate var json: JSONValue {
    [
      "rank": .integer(rank), "node": .integer(node), "gemmFlopsPerSecond": .number(core.gemm),
      "layerFlopsPerSecond": .number(core.layer),
      "memoryBytesPerSecond": .number(memory.bytesPerSecond),
    ]
  }

  fileprivate init?(_ value: JSONValue) {
    guard let rank = value["rank"]?.whole, let node = value["node"]?.whole,
      let gemm = value["gemmFlopsPerSecond"]?.positive,
      let layer = value["layerFlopsPerSecond"]?.positive,
      let memory = value["memoryBytesPerSecond"]?.positive
    else { return nil }
    self.init(
      rank: rank, node: node, core: CoreSpeed(gemm: gemm, layer: layer),
      memory: MemorySpeed(bytesPerSecond: memory))
  }
}

extension AllocationMeasurement.Node {
  fileprivate var json: JSONValue {
    [
      "node": .integer(node), "memoryBytesPerSecondAlone": .number(memoryAlone.bytesPerSecond),
      "neighbours": neighbours.map { .object($0.members) } ?? .null,
      "clock": clock.map {
        ["offsetSeconds": .number($0.seconds), "errorSeconds": .number($0.error)]
      } ?? .null,
    ]
  }

  fileprivate init?(_ value: JSONValue) {
    guard let node = value["node"]?.whole,
      let alone = value["memoryBytesPerSecondAlone"]?.positive
    else { return nil }
    let clock = value["clock"].flatMap { clock -> ClockOffset? in
      guard let seconds = clock["offsetSeconds"]?.double, let error = clock["errorSeconds"]?.double
      else { return nil }
      return ClockOffset(seconds: seconds, error: error)
    }
    self.init(
      node: node, memoryAlone: MemorySpeed(bytesPerSecond: alone),
      neighbours: value["neighbours"].flatMap(LinkSpeed.init), clock: clock)
  }
}

extension AllocationMeasurement.Link {
  fileprivate init?(_ value: JSONValue) {
    guard let from = value["from"]?.whole, let to = value["to"]?.whole,
      let speed = LinkSpeed(value)
    else { return nil }
    self.init(from: from, to: to, speed: speed)
  }
}

extension ReductionSpeed {
  fileprivate init?(_ value: JSONValue) {
    guard let bytes = value["bytes"]?.whole, let seconds = value["seconds"]?.positive else {
      return nil
    }
    self.init(bytes: bytes, seconds: seconds, modelSeconds: value["modelSeconds"]?.positive)
  }
}
