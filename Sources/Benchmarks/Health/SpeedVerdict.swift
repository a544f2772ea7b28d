import Reports

/// Which nodes and links fall behind the others; a pure function of a measurement.
///
/// All ranks wait for the slowest one in every step, so one node at 0.7 of the others' speed costs the
/// whole job 30 percent.
struct SpeedVerdict {
  /// What a node may fall behind before it is named.
  static let tolerance = 0.8
  private let measured: AllocationMeasurement

  init(_ measured: AllocationMeasurement) { self.measured = measured }

  /// What concerns all nodes.
  var findings: [Finding] {
    guard let largest = measured.reductions.last, let model = largest.modelSeconds,
      largest.seconds > 5 * model
    else { return [] }
    return [
      .note(
        "a sum of \(HumanUnits.bytes(largest.bytes)) over all ranks takes "
          + "\(HumanUnits.seconds(largest.seconds)), \(HumanUnits.fixed(largest.seconds / model, digits: 1)) "
          + "times what the links allow")
    ]
  }

  /// What concerns a node.
  func findings(ofNode node: Int) -> [Finding] {
    slowCores(node) + slowMemory(node) + slowLinks(node) + clock(node)
  }

  private func slowCores(_ node: Int) -> [Finding] {
    let speeds = perNode { $0.core.gemm }
    let middle = Self.upperMedian(speeds)
    var found: [Finding] = []
    if speeds[node] < Self.tolerance * middle {
      found.append(
        .fault(
          "its cores do \(Self.giga(speeds[node])) GFLOP/s, the middle of all nodes is "
            + "\(Self.giga(middle)): it would hold up all ranks"))
      return found
    }
    let ranks = Self.upperMedian(measured.ranks.map(\.core.gemm))
    for rank in measured.ranks where rank.node == node && rank.core.gemm < Self.tolerance * ranks {
      found.append(
        .note(
          "rank \(rank.rank) does \(Self.giga(rank.core.gemm)) GFLOP/s, the middle of all ranks is "
            + "\(Self.giga(ranks)); does something else run on its core?"))
    }
    return found
  }

  private func slowMemory(_ node: Int) -> [Finding] {
    // With unequal numbers of ranks the share of each says nothing about the node.
    let counts = measured.nodes.indices.map { node in
      measured.ranks.filter { $0.node == node }.count
    }
    let isEven = Set(counts).count == 1
    let speeds =
      isEven
      ? perNode { $0.memory.bytesPerSecond } : measured.nodes.map(\.memoryAlone.bytesPerSecond)
    let middle = Self.upperMedian(speeds)
    guard speeds[node] < Self.tolerance * middle else { return [] }
    return [
      .fault(
        "memory gives a rank \(Self.giga(speeds[node])) GB/s, the middle of all nodes is "
          + "\(Self.giga(middle))")
    ]
  }

  /// A node all of whose links are slow is slow itself; a single slow link may be the other's fault.
  private func slowLinks(_ node: Int) -> [Finding] {
    func best(_ node: Int) -> Double? {
      measured.links.filter { $0.from == node || $0.to == node }.map(\.speed.bytesPerSecond).max()
    }
    let all = measured.nodes.indices.compactMap(best)
    guard measured.nodes.count > 2, let own = best(node) else { return [] }
    let middle = Self.upperMedian(all)
    guard own < Self.tolerance * middle else { return [] }
    return [
      .fault(
        "its best link carries \(Self.giga(own)) GB/s, the middle of all nodes is "
          + "\(Self.giga(middle)); look at its cable, its port and its interface")
    ]
  }

  private func clock(_ node: Int) -> [Finding] {
    guard let clock = measured.nodes[node].clock else { return [] }
    let size = abs(clock.seconds) - clock.error
    guard size > 0.5 else { return [] }
    let text =
      "its clock is \(HumanUnits.seconds(abs(clock.seconds))) \(clock.seconds > 0 ? "ahead of" : "behind") "
      + "the first node's; let chrony or ntpd set it"
    return [size > 5 ? .fault(text) : .note(text)]
  }

  /// The middle of the ranks of each node.
  private func perNode(_ value: (AllocationMeasurement.Rank) -> Double) -> [Double] {
    measured.nodes.indices.map { node in
      Self.upperMedian(measured.ranks.filter { $0.node == node }.map(value))
    }
  }

  /// The middle value, the higher one of two, so that of two nodes the slower can be named.
  static func upperMedian(_ values: [Double]) -> Double {
    values.isEmpty ? 0 : values.sorted()[values.count / 2]
  }

  private static func giga(_ value: Double) -> String {
    HumanUnits.fixed(value * 1e-9, digits: value < 9.95e9 ? 2 : 1)
  }
}
