import ArgumentParser
import Configuration
import Datasets
import Foundation
import MPI
import Metrics
import Reports
import Training

extension SplitRole: ExpressibleByArgument {}

/// A metric as typed.
struct MetricChoice: ExpressibleByArgument {
  let metric: MeasuredMetric

  init?(argument: String) {
    guard let metric = MeasuredMetric(argument) else { return nil }
    self.metric = metric
  }

  static var allValueStrings: [String] {
    MetricName.allCases.map(\.rawValue)
      + RankingMetricName.Measure.allCases.map { "\($0.rawValue)@K" }
  }
}

/// What `evaluate` and `predict` share.
struct TrainedRun: ParsableArguments {
  @Argument(help: "The run folder.", completion: .directory)
  var run: String

  @Option(help: ArgumentHelp("Another data file than the run's.", valueName: "file"))
  var data: String?

  @Option(help: "The split: train, validation or test.")
  var split = SplitRole.test

  @OptionGroup var which: CheckpointOption

  @Option(
    help: ArgumentHelp(
      "Read heads with the loss ctc by a search of so many prefixes; default the run's decoder.",
      valueName: "prefixes"))
  var beam: Int?

  @OptionGroup var computing: ThreadOption

  @OptionGroup var trust: FileTrust

  func validate() throws {
    let most = DecoderConfiguration.mostPrefixes
    guard beam.map({ (1...most).contains($0) }) ?? true else {
      throw ValidationError("--beam takes a whole number in 1 ... \(most).")
    }
  }

  /// The request for the rooms below.
  func request(needsTargets: Bool) -> TrainedModel.Request {
    TrainedModel.Request(
      run: run, data: data, split: split, choice: which.choice,
      needsTargets: needsTargets, decoder: beam.map { .beam(width: $0) })
  }
}

/// `aimass evaluate`.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a trained run on a split; the same bits on any number of ranks.")

  @OptionGroup var trained: TrainedRun

  @Option(
    name: .customLong("metric"),
    help: ArgumentHelp("A metric; may be repeated. Default: the run's.", valueName: "name"))
  var metrics: [MetricChoice] = []

  @Flag(help: "Measure every subset of the modalities too, the others treated as missing.")
  var subsets = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    trained.trust.begin()
    try Ranks.run(computing: trained.computing.choice) { world in
      var request = trained.request(needsTargets: true)
      if subsets { request.subsets = .all }
      let run = try world.agree { [request] in try LoadedRun(request) }
      let outcome = try run.evaluate(world, metrics: metrics.map(\.metric))
      try world.agree {
        guard world.rank == 0 else { return }
        let text = outcome.json(split: trained.split.rawValue)
        keep(text)
        print(json ? text : table(outcome, run))
      }
      return .done
    }
  }

  /// Leaves the result in the run folder for the report, where the run's own data and metrics were measured
  /// at its chosen checkpoint, as the run says.
  private func keep(_ text: String) {
    guard trained.data == nil, trained.which.checkpoint == nil, trained.beam == nil, metrics.isEmpty
    else { return }
    let folder = RunFolder(trained.run)
    // A run folder that may only be read can still be evaluated.
    try? (text + "\n").write(
      toFile: folder.evaluation(of: trained.split.rawValue), atomically: true, encoding: .utf8)
  }

  /// A line about layers whose zeros are left out, if there are any.
  private func sparsity(of run: LoadedRun) -> String {
    guard case .network(let model) = run, model.sparsity.layers > 0 else { return "" }
    let found = model.sparsity
    return "  zeros are left out of \(found.layers) of \(found.allLayers) linear layers: "
      + "\(HumanUnits.percent(Double(found.live) / Double(found.weights), digits: 1)) of their weights remain\n"
  }

  private func table(_ outcome: EvaluationOutcome, _ run: LoadedRun) -> String {
    var table = TextTable(
      [.init("metric"), .init("value", .right)]
        + outcome.subsets.map { .init($0.name, .right) })
    for metric in outcome.named {
      let values = outcome.subsets.map { subset in
        subset.result.named.first { $0.name == metric.name }?.value
      }
      table.add(
        [metric.name] + ([metric.value] + values).map { $0.map(HumanUnits.short) ?? "undefined" })
    }
    return "\(run.name), step \(run.step), \(trained.split.rawValue) split, "
      + "\(HumanUnits.count(outcome.samples)) samples\n" + table.text(indent: 2)
      + sparsity(of: run)
  }
}
