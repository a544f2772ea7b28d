import ArgumentParser
import Configuration
import MPI
import Reports
import Training

/// `aimass prune`.
struct Prune: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prune a finished run into a new one, to a sparsity, a size or a loss of accuracy.",
    discussion: """
      The weights worth least become zero, exactly as many as asked for, and the same on any number of \
      ranks. The result is a run folder as any other, with masks in its checkpoint; the run itself stays as \
      it is. What the run pruned already is gone on from.
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run"), completion: .directory)
  var source: String

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The new run folder.", valueName: "folder"),
    completion: .directory)
  var output: String

  @Option(help: ArgumentHelp("The share of the weights that become zero.", valueName: "share"))
  var sparsity: Double?

  @Option(
    help: ArgumentHelp(
      "As few zeros as make the exported file so small: a number, with KiB or MiB.",
      valueName: "bytes"))
  var size: ByteCount?

  @Option(
    help: ArgumentHelp(
      "As many zeros as cost the validation metric no more than so many hundredths.",
      valueName: "points"))
  var accuracyBudget: Double?

  @Option(help: ArgumentHelp("Steps that the pruned network is trained for.", valueName: "steps"))
  var fineTune = 0

  @Option(
    help: ArgumentHelp(
      "Override one key of the configuration by its dotted path, for fine-tuning.",
      valueName: "key=value"))
  var set: [String] = []

  @OptionGroup var computing: ThreadOption

  @OptionGroup var choice: PruneChoice

  @OptionGroup var which: CheckpointOption

  @Option(
    help: ArgumentHelp(
      "The metric that is shown and that the budget is of; default the one that chooses the best.",
      valueName: "name"))
  var metric: String?

  @Option(help: ArgumentHelp("Sparsities that an accuracy budget tries.", valueName: "count"))
  var tries = 10

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var trust: FileTrust

  func validate() throws {
    let targets = [sparsity != nil, size != nil, accuracyBudget != nil].count { $0 }
    guard targets == (choice.pattern?.isGroup == true ? 0 : 1) else {
      throw ValidationError(
        "Name one of --sparsity, --size and --accuracy-budget; with a --pattern N:M none.")
    }
    if let sparsity, !(sparsity >= 0 && sparsity < 1) {
      throw ValidationError("--sparsity is a share from 0 to below 1, not \(sparsity).")
    }
    if let accuracyBudget, !(accuracyBudget >= 0 && accuracyBudget <= 100) {
      throw ValidationError("--accuracy-budget is points from 0 to 100, not \(accuracyBudget).")
    }
    guard fineTune >= 0, fineTune <= 1_000_000_000 else {
      throw ValidationError("--fine-tune is steps from 0 on, not \(fineTune).")
    }
    guard fineTune > 0 || set.isEmpty else {
      throw ValidationError("--set changes how is trained, which needs --fine-tune.")
    }
    guard (1...60).contains(tries) else {
      throw ValidationError("--tries is a whole number in 1 ... 60, not \(tries).")
    }
  }

  /// The options of the room below.
  private func options(_ target: PruneOptions.Target) -> PruneOptions {
    var options = PruneOptions(
      run: source, output: output, target: target, version: Aimass.version)
    options.choice = which.choice
    options.settings = choice.change
    (options.fineTuning, options.overrides) = (fineTune, set)
    (options.metric, options.tries) = (metric, tries)
    return options
  }

  private var target: PruneOptions.Target {
    if let sparsity { return .sparsity(sparsity) }
    if let size { return .size(size.bytes) }
    if choice.pattern?.isGroup == true { return .pattern }
    return .budget(points: accuracyBudget ?? 0)
  }

  func run() throws {
    if MPIEnvironment.isUnderLauncher { StopSignal.install() }
    guard case .network(let settings) = try LoadedRun.configuration(of: source) else {
      throw TrainingError(.usage, "\(source) is a factorization, which has no weights to prune")
    }
    trust.begin()
    let threads = computing.choice
    let level = Trainer.threadLevel(for: settings, threads: threads.count)
    try Ranks.run(threads: level, computing: threads) { world in
      let pruner = try RunPruner(world, options(target))
      let isShown = world.rank == 0 && !json
      let console = isShown && fineTune > 0 ? Console(world) : nil
      let outcome = try pruner.run(observer: console) { attempt in
        if isShown { print(PruneTable.line(attempt)) }
      }
      guard let outcome else {
        if world.rank == 0 { print("saved; run the same command again to go on") }
        return .runAgain
      }
      if world.rank == 0 {
        print(json ? JSONText.pretty(outcome.json) : PruneTable(outcome).text, terminator: "")
        if !json { print("\(output): the pruned run; picture: \(output)/pruning.svg") }
      }
      return .done
    }
  }
}

/// Which weights are pruned, as typed; what is not typed is as in the run.
struct PruneChoice: ParsableArguments {
  @Option(help: "Which tensors share one threshold: global or layer.")
  var scope: ScopeChoice?

  @Option(help: "What a weight is worth: magnitude or lamp.")
  var criterion: CriterionChoice?

  @Option(
    help: ArgumentHelp(
      "What becomes zero together: single weights, all but N of M inputs (2:4), or blocks of outputs and inputs (1x8).",
      valueName: "single|N:M|OxI"))
  var pattern: PatternChoice?

  @Option(
    help: ArgumentHelp("A pattern of names that are pruned; may be repeated.", valueName: "pattern")
  )
  var include: [String] = []

  @Option(
    help: ArgumentHelp(
      "A pattern of names that are not pruned; may be repeated.", valueName: "pattern"))
  var exclude: [String] = []

  @Flag(inversion: .prefixedNo, help: "Prune the last layer of every head too.")
  var lastLayers: Bool?

  @Flag(inversion: .prefixedNo, help: "Prune tables of embeddings too.")
  var embeddings: Bool?

  @Option(
    help: ArgumentHelp(
      "The share of each tensor that stays whatever the threshold.", valueName: "share"))
  var keepAtLeast: Double?

  enum ScopeChoice: String, ExpressibleByArgument, CaseIterable { case global, layer }
  enum CriterionChoice: String, ExpressibleByArgument, CaseIterable { case magnitude, lamp }

  func validate() throws {
    if let keepAtLeast, !(keepAtLeast >= 0 && keepAtLeast < 1) {
      throw ValidationError("--keep-at-least is a share from 0 to below 1, not \(keepAtLeast).")
    }
  }

  /// Changes what a run pruned to what was typed.
  var change: @Sendable (inout PruningConfiguration) -> Void {
    let (scope, criterion, pattern) = (scope, criterion, pattern?.pattern)
    let (include, exclude) = (include, exclude)
    let (lastLayers, embeddings, keepAtLeast) = (lastLayers, embeddings, keepAtLeast)
    return { settings in
      if let scope { settings.scope = scope == .layer ? .layer : .global }
      if let criterion { settings.criterion = criterion == .lamp ? .lamp : .magnitude }
      settings.pattern = pattern ?? settings.pattern
      if !include.isEmpty { settings.include = include }
      if !exclude.isEmpty { settings.exclude = exclude }
      settings.lastLayers = lastLayers ?? settings.lastLayers
      settings.embeddings = embeddings ?? settings.embeddings
      settings.keepAtLeast = keepAtLeast ?? settings.keepAtLeast
    }
  }
}

/// A pattern of zeros as typed: `single`, `2:4`, `1x8`.
struct PatternChoice: ExpressibleByArgument {
  let pattern: PruningConfiguration.Pattern

  init?(argument: String) {
    func numbers(_ separator: Character) -> (Int, Int)? {
      let parts = argument.split(separator: separator, omittingEmptySubsequences: false)
      guard parts.count == 2, let first = Int(parts[0]), let second = Int(parts[1]), first > 0,
        second > 0
      else { return nil }
      return (first, second)
    }
    if argument == "single" {
      pattern = .single
    } else if let (keep, of) = numbers(":"), keep < of, of <= 64 {
      pattern = .group(keep: keep, of: of)
    } else if let (outputs, inputs) = numbers("x"), outputs <= 65_536, inputs <= 65_536 {
      pattern = .block(outputs: outputs, inputs: inputs)
    } else {
      return nil
    }
  }

  /// Whether the pattern says how many weights are zero.
  var isGroup: Bool { pattern.sparsity != nil }
}

/// A number of bytes as typed: `400000`, `390KiB`, `1.5MiB`.
struct ByteCount: ExpressibleByArgument {
  let bytes: Int

  init?(argument: String) {
    let units: [(String, Double)] = [
      ("KiB", 1024), ("MiB", 1_048_576), ("GiB", 1_073_741_824), ("B", 1),
    ]
    let unit = units.first { argument.hasSuffix($0.0) }
    let digits = unit.map { String(argument.dropLast($0.0.count)) } ?? argument
    guard let number = Double(digits.trimmingPrefix { $0 == " " }.filter { $0 != " " }),
      number > 0, number * (unit?.1 ?? 1) < 1e18
    else { return nil }
    bytes = Int(number * (unit?.1 ?? 1))
  }
}
