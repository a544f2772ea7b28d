import Checkpoints
import Configuration
import Datasets
import Exchange
import Foundation
import MPI
import Metrics
import Models
import Parameters
import Tensors

/// A run's model with the weights of one of its checkpoints, ready to evaluate or predict.
public final class TrainedModel {
  /// The configuration the run was trained with.
  public let configuration: RunConfiguration
  /// The data to run on.
  public let dataset: Dataset
  /// The split to run on.
  public let split: Split
  /// The compiled model.
  public let model: Model
  /// The weights: of the moving average where the run kept one.
  public let store: ParameterStore
  /// The step of the checkpoint.
  public let step: Int
  /// Which linear layers have so many zeros that they are left out.
  public let sparsity: Model.Sparsity
  /// The run folder.
  let run: String

  /// The fields of users' files that the run was trained with.
  let trainedFields: [FieldConfiguration]

  let checkpoint: Checkpoint
  private var sharded: ShardedRows?
  /// The run's own data, where another one may lack the names of classes; nil where it cannot be read.
  private let trainingData: Dataset?

  /// Which checkpoint to take.
  public enum Choice: Sendable, Equatable {
    /// The best where one is tracked, else the last.
    case automatic
    /// The best by the run's metric.
    case best
    /// The newest.
    case last
    /// The one of a step.
    case step(Int)
  }

  /// What to load.
  public struct Request: Sendable {
    /// The run folder.
    public var run: String
    /// Another data file than the run's, or nil.
    public var data: String?
    /// The split.
    public var split: SplitRole
    /// The checkpoint.
    public var choice: Choice
    /// Whether the data must hold the truth.
    public var needsTargets: Bool
    /// Whether subsets of the modalities are measured too.
    public var subsets: EvaluateConfiguration.Subsets?
    /// How heads with the loss `ctc` are read; nil: as the run says.
    public var decoder: DecoderConfiguration?
    /// The data of another run with the folder of its configuration, instead of the run's own; nil: its own.
    var source: (data: DataConfiguration, folder: String)?

    /// Paths of layers whose outputs are read.
    var reading: [String] = []

    /// The data to run on and the folder that its paths start from, of a run's own and its folder.
    func place(
      _ own: DataConfiguration, _ origin: String
    ) -> (data: DataConfiguration, folder: String) {
      var found = source?.data ?? own
      // What is drawn in training says nothing about other data.
      found.sampling = nil
      if let data { found.files = [data] }
      let current = FileManager.default.currentDirectoryPath
      return (found, source?.folder ?? (data == nil ? origin : current))
    }

    /// A request for a run's model on the data of another one.
    init(
      run: String, split: SplitRole, needsTargets: Bool,
      source: (data: DataConfiguration, folder: String), reading: [String] = []
    ) {
      self.init(run: run, split: split, needsTargets: needsTargets)
      self.source = source
      self.reading = reading
    }

    /// A request from its parts.
    public init(
      run: String, data: String? = nil, split: SplitRole = .test, choice: Choice = .automatic,
      needsTargets: Bool = true, subsets: EvaluateConfiguration.Subsets? = nil,
      decoder: DecoderConfiguration? = nil
    ) {
      self.decoder = decoder
      self.subsets = subsets
      self.run = run
      self.data = data
      self.split = split
      self.choice = choice
      self.needsTargets = needsTargets
    }
  }

  /// Loads model, weights and data.
  ///
  /// - Parameter request: what to load.
  /// - Throws: ``TrainingError``, or the errors of the rooms.
  public init(_ request: Request) throws {
    run = request.run
    let folder = RunFolder(request.run)
    guard case .network(var configuration) = try LoadedRun.configuration(of: request.run) else {
      throw TrainingError(
        .usage,
        "\(request.run) is a factorization, which has no heads that predict samples; use "
          + "`aimass recommend` for lists, or `aimass evaluate`")
    }
    configuration.evaluate.subsets = request.subsets
    if let decoder = request.decoder { configuration.evaluate.decoder = decoder }
    configuration.data.sampling = nil
    let own = configuration.data
    trainedFields = own.fields
    let origin = (try? String(contentsOfFile: folder.origin, encoding: .utf8)) ?? request.run
    let place = request.place(own, origin)
    configuration.data = place.data
    var fields = configuration.model.modalities.map(\.field)
    if request.needsTargets { fields = TrainingSetUp.fieldNames(configuration.model) }
    trainingData =
      request.needsTargets
      ? nil
      : try? Dataset(
        ofJob: own, relativeTo: origin, fields: TrainingSetUp.fieldNames(configuration.model))
    dataset = try Dataset(ofJob: configuration.data, relativeTo: place.folder, fields: fields)
    if request.data != nil { try folder.requireMeanings(of: dataset, fields) }
    guard let split = try dataset.split(request.split) else {
      throw TrainingError(
        .missingInput, "\(dataset.name) has no \(request.split.rawValue) split; choose --split")
    }
    self.split = split
    model = try Model(
      configuration.model, fields: split.fields,
      capacity: configuration.batch.micro ?? configuration.batch.global, seed: configuration.seed,
      precision: Precision(configuration.train.precision), requireTargets: request.needsTargets,
      selectable: request.subsets != nil, reading: request.reading, purpose: .evaluation)
    store = ParameterStore(model.layout)
    self.configuration = configuration
    checkpoint = try Self.load(request.choice, folder, into: store)
    step = checkpoint.manifest.step
    sparsity = model.leaveOutZeros(of: store.base)
  }

  /// What decides the model's outputs beside its data: network, weights and microbatch, as text.
  ///
  /// - Throws: `CheckpointError` where the checkpoint cannot be read.
  func identity() throws -> String {
    let manifest = checkpoint.manifest
    return [
      "configuration \(manifest.configurationIdentity)", "step \(manifest.step)",
      "parameters \(try checkpoint.parametersDigest() ?? "")",
      "average \(manifest.state.hasAverage)",
      "microbatch \(model.capacity)",
    ].joined(separator: "\n")
  }

  /// The model's sharded tables, each row on the rank that owns it; read at the first call, which is
  /// collective.
  ///
  /// - Parameter world: all ranks.
  /// - Returns: nil where no table is sharded.
  /// - Throws: `CheckpointError` where the checkpoint cannot be read.
  func rows(_ world: Communicator) throws -> ShardedRows? {
    guard sharded == nil, !model.layout.shardedTables.isEmpty else { return sharded }
    sharded = ShardedRows(world, Topology(sizes: [world.size]), model)
    try world.agree { for table in sharded?.tables ?? [] { try table.load(from: checkpoint) } }
    return sharded
  }

  /// Reads the parameters of a chosen checkpoint of a run, those of sharded tables left out.
  static func load(
    _ choice: Choice, _ folder: RunFolder, into store: ParameterStore
  ) throws -> Checkpoint {
    let checkpoints = CheckpointFolder(folder.checkpoints)
    guard let newest = try checkpoints.loadNewestValid(quarantines: false) else {
      throw TrainingError(.missingInput, "\(folder.path) has no checkpoint yet")
    }
    let checkpoint: Checkpoint
    switch choice {
    case .last: checkpoint = newest
    case .step(let step): checkpoint = try checkpoints.open(step: step)
    case .automatic, .best:
      if let best = newest.manifest.state.bestStep {
        checkpoint = try checkpoints.open(step: best)
      } else if choice == .automatic {
        checkpoint = newest
      } else {
        throw TrainingError(
          .missingInput, "\(folder.path) tracks no best checkpoint; use --checkpoint last")
      }
    }
    guard checkpoint.manifest.networkParameterCount == store.layout.count else {
      throw TrainingError(
        .badData,
        "\(checkpoint.path) holds \(checkpoint.manifest.networkParameterCount) parameters, the model has "
          + "\(store.layout.count)")
    }
    let name = checkpoint.weightsName
    for range in store.layout.residentRanges {
      try checkpoint.read(name, range, into: store.base + range.lowerBound)
    }
    return checkpoint
  }

  /// Measures the split on all ranks.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - metrics: names of metrics; empty: the run's own.
  /// - Returns: the result, equal on all ranks.
  /// - Throws: what reading, the metrics or MPI throw.
  public func evaluate(
    _ world: Communicator, metrics: [MeasuredMetric]
  ) throws -> EvaluationOutcome {
    let isMeasured = configuration.model.isMeasured
    var rankings = metrics.compactMap(\.ranking)
    let asked = metrics.compactMap(\.value)
    if metrics.isEmpty, !isMeasured { rankings = RankingMetricName.usual }
    let wanted = metrics.isEmpty ? Evaluator.metrics(configuration.evaluate.metrics) : asked
    var evaluator = Evaluator(
      world, model: model, metrics: wanted, transcriber: transcriber)
    evaluator.rows = try rows(world)
    var outcome = EvaluationOutcome(samples: split.count)
    if metrics.isEmpty && isMeasured || !asked.isEmpty {
      outcome.result = try evaluator.evaluate(
        split, parameters: store.base, prefetch: configuration.data.prefetch)
    }
    for subset in try configuration.evaluate.subsets?.lists(model.modalities) ?? [] {
      let result = try evaluator.evaluate(
        split, of: subset, parameters: store.base, prefetch: configuration.data.prefetch)
      outcome.subsets.append(SubsetResult(modalities: subset, result: result))
    }
    outcome.classes = classNames
    guard !rankings.isEmpty else { return outcome }
    let scores = try world.agree { try pairScores(ofRun: run) }
    let sides = pairSides ?? (user: 0, item: 1)
    let names = [sides.user, sides.item].map { configuration.model.modalities[$0].field }
    let reader = try world.agree {
      try InteractionReader(split, user: names[0], item: names[1], value: nil)
    }
    outcome.ranking = try PairEvaluator(world: world, pair: scores.pair)
      .ranking(reader, seen: scores.seen, metrics: rankings, relevant: nil)
    return outcome
  }

  /// Where the predictions of each sample of the split begin, by head.
  ///
  /// - Returns: S + 1 numbers, the first 0; nil for a head with one prediction a sample.
  /// - Throws: `DatasetError` where extents cannot be read.
  public func predictionOffsets() throws -> [[Int]?] {
    var all: [[Int]?] = model.heads.map {
      $0.isSequence && !$0.loss.isTranscription ? [0] : nil
    }
    guard all.contains(where: { $0 != nil }) else { return all }
    let batch = Microbatch(
      capacity: min(split.count, 4096), fields: split.fields, numbersOf: [])
    for start in stride(from: 0, to: split.count, by: batch.capacity) {
      batch.count = min(batch.capacity, split.count - start)
      for index in 0..<batch.count { batch.sampleNumbers[index] = Int64(start + index) }
      try split.fill(batch)
      for head in all.indices {
        guard let last = all[head]?.last else { continue }
        all[head]? += model.rowOffsets(ofHead: head, batch).dropFirst().map { last + $0 }
      }
    }
    return all
  }

  /// Class names by head, where the data has them.
  ///
  /// The data to predict need not; without the run's own, for example on another machine, classes are told
  /// by their numbers.
  public var classNames: [String: [String]] {
    let training = (try? trainingData?.split(.train)) ?? nil
    var names: [String: [String]] = [:]
    for head in model.heads {
      names[head.name] = split.classNames(head.target) ?? training?.classNames(head.target)
    }
    return names
  }

  /// How heads that transcribe are read, and what they spell.
  public var transcriber: Transcriber { Transcriber(configuration, trainingData ?? dataset) }
}

extension TrainedModel {
  /// Refuses weights that are NaN or infinite.
  ///
  /// - Throws: ``TrainingError`` naming the tensor.
  func requireFinite() throws {
    guard let slot = model.firstNonFiniteSlot(store.base) else { return }
    throw TrainingError(
      .nonFinite,
      "\(run): \(slot) holds a NaN or an infinity after step \(step); choose another --checkpoint")
  }
}
