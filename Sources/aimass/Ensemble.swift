import ArgumentParser
import Configuration
import Datasets
import MPI
import Metrics
import Reports
import Training

/// How `ensemble` combines runs.
enum EnsembleMethod: String, ExpressibleByArgument, CaseIterable {
  case mean, weighted, stacked
}

extension MetricName: ExpressibleByArgument {}

/// `aimass ensemble`.
struct Ensemble: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Combine trained runs of one target and measure them like one model.")

  @Argument(help: "The run folders, at least two.", completion: .directory)
  var runs: [String]

  @Option(help: "The split: train, validation or test.")
  var split = SplitRole.test

  @Option(help: "mean, weighted or stacked; the last two are fitted on the validation split.")
  var method: EnsembleMethod?

  @Option(
    help: ArgumentHelp(
      "Weights of the runs, separated by commas, instead of fitted ones.", valueName: "list"))
  var weights: String?

  @Option(help: "The L2 penalty of stacked.")
  var penalty = 1.0

  @Option(help: ArgumentHelp("The head, where runs have several.", valueName: "name"))
  var head: String?

  @Option(
    name: .customLong("metric"),
    help: ArgumentHelp("A metric; may be repeated. Default: the first run's.", valueName: "name"))
  var metrics: [MetricName] = []

  @Flag(help: "Print one JSON object.")
  var json = false

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Write the predictions: .csv, .h5 or .hdf5.", valueName: "file"))
  var output: String?

  func run() throws {
    try Ranks.run { world in
      let (ensemble, first) = try world.agree { () -> (ModelEnsemble, TrainedModel) in
        let options = EnsembleOptions(
          method: try rule, split: split, head: head, metrics: metrics)
        let models = try runs.map { try TrainedModel(.init(run: $0, split: split)) }
        guard let first = models.first else {
          throw TrainingError(.usage, "an ensemble needs at least two runs, found none")
        }
        return (try ModelEnsemble(world, models, names: runs, options), first)
      }
      let writer = try world.agree { () -> PredictionWriter? in
        guard world.rank == 0, let output else { return nil }
        return try PredictionWriter(
          path: output, samples: first.split.count, heads: [ensemble.head], offsets: [nil],
          classes: first.classNames)
      }
      let outcome = try ensemble.run()
      try world.agree {
        guard let outcome else { return }
        try writer?.append(0..<first.split.count, [.values(outcome.predictions)])
        try writer?.finish()
        print(json ? text(outcome) : table(outcome))
      }
      return .done
    }
  }

  /// The rule that the options ask for.
  private var rule: EnsembleOptions.Method {
    get throws {
      if let weights {
        guard method == nil || method == .weighted else {
          throw TrainingError(
            .usage,
            "--weights are those of --method weighted, found --method \(method?.rawValue ?? "")")
        }
        let numbers = weights.split(separator: ",", omittingEmptySubsequences: false).map {
          Double($0)
        }
        guard !numbers.contains(nil) else {
          throw TrainingError(
            .usage, "--weights: expected numbers separated by commas, found '\(weights)'")
        }
        return .given(numbers.compactMap { $0 })
      }
      switch method ?? .mean {
      case .mean: return .mean
      case .weighted: return .weighted
      case .stacked: return .stacked(penalty: penalty)
      }
    }
  }

  /// One JSON object on one line.
  private func text(_ outcome: EnsembleOutcome) -> String {
    var members: [JSONValue.Member] = [
      .init("split", .text(split.rawValue)), .init("method", .text(word)),
      .init("samples", .integer(outcome.result.samples)),
    ]
    members += Self.metrics(outcome.result)
    let runs = zip(self.runs, outcome.members).enumerated().map { index, run in
      let weight = outcome.weights.map { JSONValue.Member("weight", .number($0[index])) }
      return JSONValue.object(
        [.init("run", .text(run.0))] + [weight].compactMap { $0 } + Self.metrics(run.1))
    }
    return JSONText.line(.object(members + [.init("members", .array(runs))]))
  }

  private var word: String { weights == nil ? (method ?? .mean).rawValue : "weighted" }

  private static func metrics(_ result: EvaluationResult) -> [JSONValue.Member] {
    result.named.map { .init($0.name, $0.value.map { .number($0) } ?? .null) }
  }

  private func table(_ outcome: EnsembleOutcome) -> String {
    let names = outcome.result.named.map(\.name)
    var table = TextTable(
      [.init("run"), .init("weight", .right)] + names.map { .init($0, .right) })
    func cells(_ result: EvaluationResult) -> [String] {
      result.named.map { $0.value.map(HumanUnits.short) ?? "undefined" }
    }
    for (index, member) in outcome.members.enumerated() {
      let weight = outcome.weights.map { HumanUnits.short($0[index]) } ?? ""
      table.add([runs[index], weight] + cells(member))
    }
    table.addRule()
    table.add(["ensemble (\(word))", ""] + cells(outcome.result))
    return "\(split.rawValue) split, \(HumanUnits.count(outcome.result.samples)) samples\n"
      + table.text(indent: 2)
  }
}
