import Benchmarks
import Foundation
import Reports
import Training

/// The times of a step that `aimass plan --measure` shows.
struct Prediction {
  private let plan: TrainingPlan
  private let model: StepTimeModel

  /// A prediction for a plan on a measured machine.
  init(_ plan: TrainingPlan, _ machine: AllocationMeasurement, efficiency: Double) {
    self.plan = plan
    let work = StepTimeModel.Work(
      parameters: plan.residentParameters, microbatches: plan.microbatchesPerStep,
      flopsPerMicrobatch: Double(plan.operationsPerStep) / Double(plan.microbatchesPerStep),
      updateBytes: plan.updateBytesPerParameter)
    model = StepTimeModel(work, on: machine, efficiency: efficiency)
  }

  /// Reads what `doctor --json` or `benchmark node --json` wrote.
  ///
  /// - Throws: `TrainingError` if the file is missing, holds something else, or knows no network where
  ///   there are several nodes.
  static func measurement(at path: String, nodes: Int) throws -> AllocationMeasurement {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw TrainingError(.missingInput, "\(path): there is no such file, or it cannot be read")
    }
    guard let value = try? JSONText.parse(text), let measured = value["measurement"],
      let machine = AllocationMeasurement(json: measured)
    else {
      throw TrainingError(
        .badData,
        "\(path) holds no measurement; expected what `aimass doctor --json` (without --quick) or "
          + "`aimass benchmark node --json` prints")
    }
    guard nodes == 1 || !machine.links.isEmpty else {
      throw TrainingError(
        .badData,
        "\(path) was measured on one node and says nothing of the network between \(nodes); run "
          + "`mpirun ... aimass doctor --json` on two nodes or more")
    }
    return machine
  }

  /// Ranks to show: powers of two below R, and R, with the nodes that they fill.
  var counts: [(ranks: Int, nodes: Int)] {
    let perNode = (plan.ranks + plan.nodes - 1) / plan.nodes
    let powers = sequence(first: 1) { $0 * 2 }.prefix { $0 < plan.ranks }
    return (Array(powers) + [plan.ranks]).map { ranks in
      (ranks, ranks == plan.ranks ? plan.nodes : (ranks + perNode - 1) / perNode)
    }
  }

  /// One line per number of ranks.
  var table: TextTable {
    var table = TextTable([
      .init("ranks", .right), .init("nodes", .right), .init("compute", .right),
      .init("reduce", .right), .init("update", .right), .init("network", .right),
      .init("step", .right), .init("samples/s", .right), .init("efficiency", .right),
    ])
    let batch = Double(min(plan.globalBatch, plan.trainingSamples))
    for (ranks, nodes) in counts {
      let time = model.time(ranks: ranks, nodes: nodes)
      let parts = [time.compute, time.reduce, time.update, time.network, time.total]
      table.add(
        ["\(ranks)", "\(nodes)"] + parts.map(HumanUnits.seconds) + [
          HumanUnits.rate(batch / time.total),
          HumanUnits.percent(model.scalingEfficiency(ranks: ranks, nodes: nodes), digits: 0),
        ])
    }
    return table
  }
}
