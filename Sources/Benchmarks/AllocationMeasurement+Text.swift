import Reports

extension AllocationMeasurement {
  /// The measurement for a terminal.
  ///
  /// - Parameter hosts: the name of each node.
  /// - Returns: tables of ranks, nodes, links and sums; each line ends in a line break.
  public func text(hosts: [String]) -> String {
    func name(_ node: Int) -> String { hosts.indices.contains(node) ? hosts[node] : "node \(node)" }
    var text = rankTable(name)
    if !links.isEmpty {
      var table = TextTable([
        .init("nodes"), .init("latency", .right), .init("bandwidth", .right),
      ])
      for link in links {
        table.add(["\(name(link.from)) – \(name(link.to))"] + Self.cells(link.speed))
      }
      text += "\n" + table.text(indent: 2)
    }
    if !reductions.isEmpty {
      var table = TextTable([
        .init("sum over all ranks"), .init("took", .right), .init("model", .right),
      ])
      for reduction in reductions {
        table.add([
          HumanUnits.bytes(reduction.bytes), HumanUnits.seconds(reduction.seconds),
          reduction.modelSeconds.map(HumanUnits.seconds) ?? "–",
        ])
      }
      text += "\n" + table.text(indent: 2)
    }
    return text
  }

  private func rankTable(_ name: (Int) -> String) -> String {
    var table = TextTable([
      .init("node"), .init("rank", .right), .init("GEMM GFLOP/s", .right),
      .init("layer GFLOP/s", .right), .init("memory GB/s", .right), .init("alone", .right),
      .init("neighbour", .right), .init("clock", .right),
    ])
    var shown = -1
    for rank in ranks {
      var cells = [
        name(rank.node), "\(rank.rank)", Self.billions(rank.core.gemm),
        Self.billions(rank.core.layer), Self.billions(rank.memory.bytesPerSecond),
      ]
      if rank.node > shown, nodes.indices.contains(rank.node) {
        let node = nodes[rank.node]
        cells.append(Self.billions(node.memoryAlone.bytesPerSecond))
        cells.append(node.neighbours.map { Self.cells($0).joined(separator: ", ") } ?? "–")
        cells.append(
          node.clock.map {
            ($0.seconds >= 0 ? "+" : "") + HumanUnits.seconds($0.seconds) + " ± "
              + HumanUnits.seconds($0.error)
          } ?? "–")
        shown = rank.node
      }
      table.add(cells)
    }
    return table.text(indent: 2)
  }

  private static func cells(_ link: LinkSpeed) -> [String] {
    [HumanUnits.seconds(link.latency), billions(link.bytesPerSecond) + " GB/s"]
  }

  private static func billions(_ value: Double) -> String {
    HumanUnits.fixed(value * 1e-9, digits: value < 9.95e9 ? 2 : 1)
  }
}
