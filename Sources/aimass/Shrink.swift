import ArgumentParser
import Configuration
import MPI
import Models
import Reports
import Training

extension ShrinkOptions.Score: ExpressibleByArgument {}
extension ShrinkOptions.Scope: ExpressibleByArgument {}

/// Kinds of units as typed: `filters,heads`.
struct UnitKinds: ExpressibleByArgument {
  let kinds: Set<UnitGraph.Kind>

  init?(argument: String) {
    let kinds = argument.split(separator: ",").map { UnitGraph.Kind(rawValue: String($0)) }
    guard !kinds.isEmpty, kinds.allSatisfy({ $0 != nil }) else { return nil }
    self.kinds = Set(kinds.compactMap { $0 })
  }
}

/// `aimass shrink`.
struct Shrink: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Remove filters, neurons, recurrent units, heads or dimensions from a trained run.",
    discussion: """
      The result is an ordinary run with a smaller network: its config.yaml says the new sizes, and its \
      checkpoint holds weights, optimizer state and averages. Without -o nothing is written.
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run"), completion: .directory)
  var trained: String

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The new run's folder.", valueName: "folder"),
    completion: .directory)
  var output: String?

  @Option(
    help: ArgumentHelp(
      "What may go, separated by commas: filters, neurons, recurrent, heads, embeddings; default all but "
        + "embeddings.", valueName: "kinds"))
  var units: UnitKinds?

  @Option(
    help: ArgumentHelp(
      "The share of them that goes; at most that with --tolerance.", valueName: "share"))
  var remove = 0.5

  @Option(help: "What a unit is worth: l2, taylor or scale.")
  var score = ShrinkOptions.Score.l2

  @Option(help: "Which units are ranked together: global or layer.")
  var scope = ShrinkOptions.Scope.global

  @Option(
    help: ArgumentHelp("The share of each layer's units that stays at least.", valueName: "share"))
  var keepAtLeast = 0.1

  @Option(help: ArgumentHelp("Rounds of removing and training.", valueName: "count"))
  var rounds = 1

  @Option(
    help: ArgumentHelp(
      "Try units one by one, and keep those without which the validation loss rises by more than this share.",
      valueName: "share"))
  var tolerance: Double?

  @Option(help: ArgumentHelp("Steps of training after each round.", valueName: "steps"))
  var fineTune = 0

  @Option(
    help: ArgumentHelp(
      "Microbatches of the training split that --score taylor looks at.", valueName: "count"))
  var microbatches = 64

  @OptionGroup var which: CheckpointOption

  @Option(
    help: ArgumentHelp(
      "Override one key of the new run by its dotted path.", valueName: "key=value"))
  var set: [String] = []

  @OptionGroup var trust: FileTrust

  func run() throws {
    guard case .network(let settings) = try LoadedRun.configuration(of: trained) else {
      throw TrainingError(
        .usage, "\(trained) is a factorization, which has tables of factors and no layers to shrink"
      )
    }
    trust.begin()
    try Ranks.run(threads: Trainer.threadLevel(for: settings, threads: 1)) { world in
      let console = Console(world)
      let outcome = try Shrinker(world, options, observer: console).run()
      switch outcome {
      case .shrunk(let report): console.finish(report, output: output)
      case .interrupted(let step): console.finish(.interrupted(step: step), output: output ?? "")
      }
      return outcome.status
    }
  }

  private var options: ShrinkOptions {
    var options = ShrinkOptions(run: trained, output: output, version: Aimass.version)
    options.choice = which.choice
    if let units { options.kinds = units.kinds }
    (options.remove, options.score, options.scope) = (remove, score, scope)
    (options.keepAtLeast, options.rounds, options.tolerance) = (keepAtLeast, rounds, tolerance)
    (options.fineTune, options.microbatches, options.overrides) = (fineTune, microbatches, set)
    return options
  }
}

extension ShrinkReport {
  /// What changed, as a table and a few lines.
  var text: String {
    var table = TextTable([
      .init("option"), .init("units"), .init("before", .right), .init("now", .right),
    ])
    for size in sizes where size.after < size.before {
      table.add([
        "\(size.setting)", size.kind.rawValue, HumanUnits.count(size.before),
        HumanUnits.count(size.after),
      ])
    }
    table.addRule()
    table.add([
      "parameters", "", HumanUnits.count(parameters.before), HumanUnits.count(parameters.after),
    ])
    table.add([
      "multiplications of a sample", "", HumanUnits.count(multiplyAdds.before),
      HumanUnits.count(multiplyAdds.after),
    ])
    if let losses {
      table.add([
        "validation loss", "", HumanUnits.short(losses.before), HumanUnits.short(losses.after),
      ])
    }
    var text = "\(groups.removed) of \(groups.removable) groups removed"
    if rejected > 0 { text += ", \(rejected) tried and put back" }
    text += "\n" + table.text(indent: 2)
    if !unruled.isEmpty {
      text +=
        "  no rule is known for what \(unruled.joined(separator: ", ")) reads; it keeps its size\n"
    }
    return text
  }
}
