import Reports
import Training

/// What `aimass prune` prints.
struct PruneTable {
  private let outcome: PruneOutcome

  init(_ outcome: PruneOutcome) { self.outcome = outcome }

  /// One try, while it goes on.
  static func line(_ attempt: PruneTry) -> String {
    let values = [
      attempt.metric.map { HumanUnits.short($0) },
      attempt.tuned.map { "\(HumanUnits.short($0)) fine-tuned" },
      "\(HumanUnits.count(attempt.bytes.smallest)) bytes",
    ].compactMap { $0 }
    let name =
      attempt.target == nil
      ? "as it is" : "\(HumanUnits.percent(attempt.sparsity, digits: 2)) zeros"
    return "\(name): \(values.joined(separator: ", "))"
  }

  /// Both tables.
  var text: String {
    "\n\(outcome.source), step \(outcome.step)\n\(tensors)\n\(tries)"
      + "bytes of the exported file; seconds of inference for \(HumanUnits.counted(outcome.batch, "sample")), "
      + "all weights and without zeros\n"
  }

  private var tensors: String {
    var table = TextTable([
      .init("tensor"), .init("weights", .right), .init("zeros", .right), .init("sparsity", .right),
    ])
    func add(_ name: String, _ weights: Int, _ zeros: Int) {
      table.add([
        name, HumanUnits.count(weights), HumanUnits.count(zeros),
        HumanUnits.percent(Double(zeros) / Double(max(1, weights))),
      ])
    }
    for tensor in outcome.tensors { add(tensor.name, tensor.weights, tensor.zeros) }
    table.addRule()
    add(
      "all", outcome.tensors.reduce(0) { $0 + $1.weights },
      outcome.tensors.reduce(0) { $0 + $1.zeros })
    return table.text(indent: 2)
  }

  private var tries: String {
    var columns: [TextTable.Column] = [.init("zeros", .right)]
    let isTuned = outcome.tries.contains { $0.tuned != nil }
    if let metric = outcome.metric { columns.append(.init(metric, .right)) }
    if isTuned { columns.append(.init("fine-tuned", .right)) }
    columns += ["dense", "bitmask", "csr", "smallest", "inference", "sparse"].map {
      .init($0, .right)
    }
    var table = TextTable(columns + [.init("")])
    for (index, attempt) in ([outcome.before] + outcome.tries).enumerated() {
      var cells = [HumanUnits.percent(attempt.sparsity)]
      if outcome.metric != nil { cells.append(attempt.metric.map(HumanUnits.short) ?? "–") }
      if isTuned { cells.append(attempt.tuned.map(HumanUnits.short) ?? "–") }
      let bytes = attempt.bytes
      cells += [bytes.dense, bytes.bitmask, bytes.csr, bytes.smallest].map(HumanUnits.count)
      cells += [
        HumanUnits.seconds(attempt.time.dense),
        attempt.time.sparse.map(HumanUnits.seconds) ?? "–",
        index == outcome.chosen + 1 ? "chosen" : index == 0 ? "as it was" : "",
      ]
      table.add(cells)
    }
    return table.text(indent: 2)
  }
}
