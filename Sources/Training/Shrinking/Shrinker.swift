import Configuration
import Datasets
import Foundation
import MPI
import Metrics
import Models
import Tensors

/// Removes whole units from a trained network and leaves an ordinary run with a smaller one.
///
/// Every rank holds all weights and decides alike, from numbers that do not depend on ranks. Each round removes what is
/// worth least, compiles the smaller network, and trains it as any other run; the next round goes on from that run's
/// checkpoint.
public final class Shrinker {
  private let world: Communicator
  private let options: ShrinkOptions
  private let observer: (any TrainingObserver)?
  private var report = ShrinkReport()
  /// By width: its units at the start, and those that stay.
  private var starts: [Int] = []
  private var floors: [Int] = []
  /// By what is ranked together: groups at the start, and those that went.
  private var totals: [Int: Int] = [:]
  private var gone: [Int: Int] = [:]

  /// A shrinker on all ranks.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - options: equal on all ranks.
  ///   - observer: told what happens; used on rank 0 only.
  public init(
    _ world: Communicator, _ options: ShrinkOptions, observer: (any TrainingObserver)?
  ) {
    (self.world, self.options) = (world, options)
    self.observer = world.rank == 0 ? observer : nil
  }

  /// Shrinks the run; collective.
  ///
  /// - Returns: what came of it, equal on all ranks.
  /// - Throws: ``TrainingError`` for what cannot be removed, or the errors of the rooms.
  public func run() throws -> ShrinkOutcome {
    try world.agree { try options.check() }
    var network = try world.agree {
      try SavedNetwork(run: options.run, options.choice, compile: compile)
    }
    for round in 1...options.rounds {
      let setUp = try world.agree { try self.setUp(network) }
      if round == 1 { try begin(setUp, network) }
      network = try shrink(network, setUp, round)
      guard let output = options.output else { break }
      if let step = try train(&network, round, output) { return .interrupted(step: step) }
    }
    return .shrunk(try finished(network))
  }

  // MARK: - Parts of a run

  private func compile(_ configuration: RunConfiguration, _ origin: String) throws -> Model {
    try setUp(configuration, origin).model
  }

  /// Compiles networks for data that is open already.
  private func compile(
    like setUp: TrainingSetUp
  ) -> (RunConfiguration, String) throws -> Model {
    { configuration, _ in
      try Model(
        configuration.model, fields: setUp.training.fields, capacity: setUp.model.capacity,
        seed: configuration.seed, precision: Precision(configuration.train.precision))
    }
  }

  private func setUp(_ network: SavedNetwork) throws -> TrainingSetUp {
    try setUp(network.configuration, network.origin)
  }

  private func setUp(_ configuration: RunConfiguration, _ origin: String) throws -> TrainingSetUp {
    let options = TrainingOptions(
      configuration: configuration, configurationFolder: origin, output: options.run,
      version: options.version)
    return try TrainingSetUp(options, ranks: world.size)
  }

  /// The validation loss; nil without such a split.
  private func loss(_ model: Model, _ weights: [Float], _ setUp: TrainingSetUp) throws -> Double? {
    guard let validation = setUp.validation else { return nil }
    let result = try weights.withUnsafeBufferPointer { values -> EvaluationResult? in
      guard let base = values.baseAddress else { return nil }
      return try Evaluator(world, model: model, metrics: []).evaluate(
        validation, parameters: base, prefetch: setUp.configuration.data.prefetch)
    }
    return result?.value(of: "loss")
  }

  // MARK: - Before the first round

  /// Notes what there is, and refuses what cannot be done.
  private func begin(_ setUp: TrainingSetUp, _ network: SavedNetwork) throws {
    let (model, units) = (setUp.model, setUp.model.units)
    starts = units.widths.map(\.size)
    floors = starts.map { max(1, Int((options.keepAtLeast * Double($0)).rounded(.up))) }
    report.unruled = units.unruled
    report.parameters.before = model.layout.trainableCount
    report.multiplyAdds.before = model.layers.reduce(0) { $0 + $1.multiplyAddsPerSample }
    report.sizes = units.widths.filter { !$0.settings.isEmpty }.map {
      ShrinkReport.Size(
        setting: $0.settings[0], kind: $0.kind, before: $0.size, after: $0.size)
    }
    if let loss = try loss(model, network.weights, setUp) {
      report.losses = (loss, loss)
    } else if options.tolerance != nil {
      throw TrainingError(
        .usage, "--tolerance expected a validation split to measure, found none; leave it out")
    }
  }

  /// Counts what can go at all, before the first round.
  private func count(_ candidates: ShrinkCandidates) throws {
    for group in candidates.groups { totals[bucket(group), default: 0] += 1 }
    report.groups.removable = totals.values.reduce(0, +)
    guard totals.isEmpty else { return }
    throw TrainingError(
      .usage,
      "\(options.run) has none of \(options.kinds.map(\.rawValue).sorted().joined(separator: ", ")) "
        + "that can be removed; outputs and what no rule is known for keep their sizes")
  }

  /// What a group is ranked with.
  private func bucket(_ group: UnitGraph.Group) -> Int {
    options.scope == .global ? 0 : group.width
  }

  // MARK: - A round

  private func shrink(
    _ network: SavedNetwork, _ setUp: TrainingSetUp, _ round: Int
  ) throws -> SavedNetwork {
    let scores = try UnitScoring(world: world, options: options, setUp: setUp)
      .scores(network.weights)
    var candidates = ShrinkCandidates(
      setUp.model.units, kinds: options.kinds, floors: floors, scores: scores)
    if round == 1 { try count(candidates) }
    // Groups that should be gone after this round, by what is ranked together.
    let share = options.remove * Double(round) / Double(options.rounds)
    let goals = totals.mapValues { Int((share * Double($0)).rounded()) }
    for group in candidates.groups {
      let bucket = bucket(group)
      guard gone[bucket, default: 0] < goals[bucket, default: 0], candidates.take(group) else {
        continue
      }
      if options.tolerance != nil, try !isAcceptable(candidates, network, setUp) {
        candidates.giveBack(group)
        report.rejected += 1
        continue
      }
      gone[bucket, default: 0] += 1
    }
    try requireGoals(goals, candidates)
    let (smaller, model) = try world.agree {
      try network.without(
        candidates.removed, of: candidates.graph, compile: compile(like: setUp))
    }
    note(round, from: setUp.model, to: model)
    return smaller
  }

  /// Whether the validation loss stays within the tolerance without what is chosen so far.
  private func isAcceptable(
    _ candidates: ShrinkCandidates, _ network: SavedNetwork, _ setUp: TrainingSetUp
  ) throws -> Bool {
    guard let tolerance = options.tolerance, let before = report.losses?.before else { return true }
    let (trial, model) = try world.agree {
      try network.without(
        candidates.removed, of: candidates.graph, compile: compile(like: setUp))
    }
    guard let loss = try loss(model, trial.weights, setUp), loss.isFinite else { return false }
    return loss <= before * (1 + tolerance)
  }

  /// Refuses a share that no tolerance has cut and that layers cannot give.
  private func requireGoals(_ goals: [Int: Int], _ candidates: ShrinkCandidates) throws {
    report.groups.removed = gone.values.reduce(0, +)
    let goal = goals.values.reduce(0, +)
    if options.tolerance == nil, report.groups.removed < goal {
      throw TrainingError(
        .usage,
        "--remove \(options.remove) asks for \(goal) of \(report.groups.removable) groups, but only "
          + "\(report.groups.removed) can go while every layer keeps \(options.keepAtLeast) of its units; "
          + "remove less, or lower --keep-at-least")
    }
    guard report.groups.removed > 0 || options.tolerance != nil else {
      throw TrainingError(
        .usage,
        "--remove \(options.remove) of \(report.groups.removable) groups is none; remove more")
    }
  }

  private func note(_ round: Int, from before: Model, to after: Model) {
    for (index, width) in after.units.widths.filter({ !$0.settings.isEmpty }).enumerated() {
      let size = report.sizes[index]
      report.sizes[index] = ShrinkReport.Size(
        setting: size.setting, kind: size.kind, before: size.before, after: width.size)
    }
    report.parameters.after = after.layout.trainableCount
    report.multiplyAdds.after = after.layers.reduce(0) { $0 + $1.multiplyAddsPerSample }
    let tried = report.rejected > 0 ? ", \(report.rejected) put back" : ""
    observer?.noted(
      "round \(round) of \(options.rounds): \(report.groups.removed) of \(report.groups.removable) groups "
        + "removed\(tried); \(before.layout.trainableCount) parameters become \(after.layout.trainableCount)"
    )
  }

  // MARK: - After a round

  /// Trains the smaller network as a run of its own, and goes on with what comes of it.
  ///
  /// - Returns: the step at which it was asked to stop, if it was.
  private func train(
    _ network: inout SavedNetwork, _ round: Int, _ output: String
  ) throws -> Int? {
    let isLast = round == options.rounds
    let folder = isLast ? output : "\(output).round-\(round)"
    network.configuration = try world.agree { try tuned(network) }
    let trainer = try Trainer(
      world,
      TrainingOptions(
        configuration: network.configuration, configurationFolder: network.origin, output: folder,
        version: options.version, beginning: network.beginning), observer: observer)
    guard options.fineTune > 0 else {
      try trainer.keepBeginning()
      return nil
    }
    if case .interrupted(let step) = try trainer.run() { return step }
    network = try world.agree { try SavedNetwork(run: folder, .automatic, compile: compile) }
    return nil
  }

  /// The configuration of a run that begins with weights: its length, and no warm-up nor other weights.
  ///
  /// It lies in the run folder alone, so its data files have their whole paths.
  private func tuned(_ network: SavedNetwork) throws -> RunConfiguration {
    var tuned = network.configuration
    tuned.data.files = try Dataset.paths(of: tuned.data, relativeTo: network.origin)
    if !tuned.name.hasSuffix("-shrunk") { tuned.name += "-shrunk" }
    tuned.initialize = nil
    if options.fineTune > 0 {
      tuned.train.length = .steps(options.fineTune)
      tuned.schedule.warmupSteps = 0
    }
    guard !options.overrides.isEmpty else { return tuned }
    return try RunConfiguration.decode(
      yaml: tuned.resolvedYAML, name: "the shrunk run", overrides: options.overrides)
  }

  private func finished(_ network: SavedNetwork) throws -> ShrinkReport {
    let setUp = try world.agree { try self.setUp(network) }
    if let before = report.losses?.before,
      let after = try loss(setUp.model, network.weights, setUp)
    {
      report.losses = (before, after)
    }
    return report
  }
}
