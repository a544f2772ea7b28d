import ArgumentParser
import Benchmarks
import Configuration
import Foundation
import Reports
import Training

/// `aimass plan`.
struct Plan: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show sizes, memory per rank and bytes per step, without running.",
    discussion: """
      With --measure it also predicts the time of a step, from what `aimass doctor --json` or \
      `aimass benchmark node --json` wrote.
      """)

  @Argument(help: "The YAML file of the run.", completion: .file(extensions: ["yaml"]))
  var config: String

  @Option(help: ArgumentHelp("The ranks to plan for.", valueName: "count"))
  var ranks = 1

  @Option(help: ArgumentHelp("The nodes that the ranks lie on.", valueName: "count"))
  var nodes = 1

  @Option(
    help: ArgumentHelp("A measurement to predict step times from.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var measure: String?

  @Option(
    help: ArgumentHelp(
      "What the model's passes reach of the measured GEMM rate.", valueName: "share"))
  var efficiency = 0.8

  @Option(help: ArgumentHelp("Override one key by its dotted path.", valueName: "key=value"))
  var set: [String] = []

  func validate() throws {
    if ranks < 1 { throw ValidationError("--ranks must be at least 1, not \(ranks).") }
    if nodes < 1 || nodes > ranks {
      throw ValidationError("--nodes must be in 1...\(ranks), the ranks, not \(nodes).")
    }
    if !(efficiency > 0 && efficiency <= 1) {
      throw ValidationError("--efficiency must be above 0 and at most 1, not \(efficiency).")
    }
  }

  func run() throws {
    let settings: RunConfiguration
    switch try ConfiguredRun.load(path: config, overrides: set) {
    case .counted(let counted): return try show(counted)
    case .network(let network): settings = network
    }
    let options = TrainingOptions(
      configuration: settings, configurationFolder: folder(of: config), output: "",
      version: Aimass.version)
    let measurement = try measure.map { try Prediction.measurement(at: $0, nodes: nodes) }
    let plan = try TrainingPlan(options, ranks: ranks, nodes: nodes)
    let place = nodes == 1 ? "" : " of \(HumanUnits.counted(nodes, "node"))"
    print("\(plan.name) on \(HumanUnits.counted(plan.ranks, "rank"))\(place)\n")
    print(layerTable(plan).text(indent: 2))
    print(sizeTable(plan).text(indent: 2))
    if let measurement {
      print(Prediction(plan, measurement, efficiency: efficiency).table.text(indent: 2))
    }
  }

  /// Plans a counted run, whose steps cannot be predicted from a network's measurement.
  private func show(_ settings: CountedRunConfiguration) throws {
    if measure != nil || nodes > 1 {
      throw ValidationError("--measure and --nodes plan networks; this run has `factorization`.")
    }
    let setUp = try CountedSetUp(settings, relativeTo: folder(of: config))
    print(CountedPlan(setUp, ranks: ranks).text)
  }

  private func layerTable(_ plan: TrainingPlan) -> TextTable {
    var table = TextTable([
      .init("layer"), .init("kind"), .init("output"), .init("parameters", .right),
      .init("MFLOP/sample", .right),
    ])
    for layer in plan.layers {
      table.add([
        layer.path, layer.kind, layer.outputShape.map(String.init).joined(separator: "×"),
        HumanUnits.count(layer.parameterCount),
        HumanUnits.fixed(2e-6 * Double(layer.multiplyAddsPerSample), digits: 3),
      ])
    }
    return table
  }

  /// What is pruned: the weights, the steps, and the zeros in the end.
  private func addPruning(_ pruning: PruningSetUp, to table: inout TextTable) {
    let (plan, schedule) = (pruning.plan, pruning.schedule)
    let zeros = plan.zeros(at: schedule.finalSparsity)
    let steps = (schedule.firstStep...schedule.lastStep).count(where: schedule.isDue)
    table.addRule()
    table.add([
      "prunable weights, in \(HumanUnits.counted(plan.tensors.count, "tensor"))",
      HumanUnits.count(plan.count),
    ])
    table.add(["zeros after step \(schedule.lastStep)", HumanUnits.count(zeros)])
    table.add(["choices of the mask, from step \(schedule.firstStep)", HumanUnits.count(steps)])
  }

  private func sizeTable(_ plan: TrainingPlan) -> TextTable {
    var table = TextTable([.init("what"), .init("value", .right)])
    table.add(["trainable parameters", HumanUnits.count(plan.trainableParameters)])
    table.add(["all parameters with statistics", HumanUnits.count(plan.parameters)])
    table.add(["training samples", HumanUnits.count(plan.trainingSamples)])
    table.add(["global batch B", "\(plan.globalBatch)"])
    table.add(["microbatch N", "\(plan.microbatch)"])
    table.add(["microbatches per step V", "\(plan.microbatchesPerStep)"])
    table.add(["steps per epoch", HumanUnits.count(plan.stepsPerEpoch)])
    table.add(["steps", HumanUnits.count(plan.totalSteps)])
    table.add([
      "operations per step",
      HumanUnits.fixed(1e-9 * Double(plan.operationsPerStep), digits: 3) + " GFLOP",
    ])
    if let pruning = plan.pruning { addPruning(pruning, to: &table) }
    table.addRule()
    for part in plan.memory { table.add([part.name + " per rank", HumanUnits.bytes(part.bytes)]) }
    table.add([
      "memory per rank", HumanUnits.bytes(plan.memory.reduce(0) { $0 + $1.bytes }),
    ])
    if let bytes = plan.unsparingArenaBytes {
      table.add(["activations without train.recompute", HumanUnits.bytes(bytes)])
    }
    table.add([
      "activations in evaluation alone", HumanUnits.bytes(plan.evaluationArenaBytes),
    ])
    if plan.nodes > 1 {
      let bytes = StepTimeModel.bytesPerNode(
        parameters: plan.residentParameters, nodes: plan.nodes, subtrees: plan.subtreesPerNode)
      table.add(["sent per step by the busiest node", HumanUnits.bytes(bytes)])
    }
    return table
  }
}
