import Buffers
import Checkpoints
import Configuration
import Exchange
import Foundation
import MPI
import Metrics
import Parameters
import Pruning
import Tensors

/// Prunes a finished run into a new one; the run itself is only read.
///
/// Weights are chosen as in training, by ``MaskSelector`` over what each rank looks after, so masks and metrics
/// are the same on any number of ranks. The new run is an ordinary one that begins with the weights of the checkpoint
/// (`initialize.from`), prunes once before its first step, and trains for as many steps as asked, which may be 0.
public final class RunPruner {
  let world: Communicator
  let options: PruneOptions
  /// The run that is pruned.
  let trained: TrainedModel
  /// The configuration of the new run, its sparsity still open.
  let configuration: RunConfiguration
  /// What is pruned.
  let plan: PruningPlan
  /// The metric of the table; nil where nothing is measured.
  let metric: String?
  /// The weights as they were, but for what the last choice made zero.
  let pruned: ParameterStore

  private let selector: MaskSelector
  private let patternSelector: PatternSelector?
  private let scores: ParameterStore
  private let spare: ParameterStore

  /// Opens the run; collective.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - options: what to do; equal on all ranks.
  /// - Throws: ``TrainingError``, `PruningError` for what cannot be pruned, or the errors of the rooms.
  public init(_ world: Communicator, _ options: PruneOptions) throws {
    self.world = world
    self.options = options
    let opened = try world.agree { () -> Opened in
      try Self.refuseOccupied(options.output)
      return try Opened(options)
    }
    (trained, configuration, plan) = (opened.trained, opened.configuration, opened.plan)
    metric = opened.metric
    let layout = trained.model.layout
    let select = RadixSelect(world)
    selector = MaskSelector(plan, count: layout.count, select)
    patternSelector =
      plan.pattern == .single ? nil : PatternSelector(plan, count: layout.count, select)
    (pruned, spare) = (ParameterStore(layout), ParameterStore(layout))
    scores = opened.criterion == .lamp ? ParameterStore(layout) : trained.store
    if opened.criterion == .lamp {
      for tensor in plan.tensors {
        LayerAdaptiveScores.write(
          trained.store.base + tensor.range.lowerBound, count: tensor.range.count,
          into: scores.base + tensor.range.lowerBound)
      }
    }
  }

  /// Refuses to write where something is; an unfinished run may be the one that goes on.
  private static func refuseOccupied(_ output: String) throws {
    let folder = RunFolder(output)
    let state = try folder.state(for: "")
    if state == .absent { return }
    if state != .occupied, !FileManager.default.fileExists(atPath: folder.summary) { return }
    throw TrainingError(
      .cannotCreate, "\(output) exists and would be overwritten; choose another --output")
  }

  /// Makes the smallest scores zero in ``pruned``; collective.
  ///
  /// - Parameter sparsity: the share of zeros; nil leaves the weights as they are.
  /// - Returns: zeros of every tensor of the plan.
  /// - Throws: `PruningError` or `MPIError`.
  func choose(_ sparsity: Double?) throws -> [Int] {
    let layout = trained.model.layout
    pruned.base.update(from: trained.store.base, count: layout.count)
    guard let sparsity else { return plan.presentZeros(in: pruned) }
    let blocks = (0..<layout.blockCount).part(world.rank, of: world.size)
    let stretches = blocks.map { index in
      let range = layout.block(index)
      return ScoreStretch(range: range, base: scores.base + range.lowerBound)
    }
    let choice =
      try patternSelector?.choose(sparsity: sparsity, scores: scores.base, mask: nil)
      ?? selector.choose(sparsity: sparsity, scores: stretches, mask: nil)
    choice.mask.clearDead(0..<layout.count, in: pruned.base)
    return choice.zeros
  }

  /// Prunes to a sparsity and measures what that comes to; collective.
  ///
  /// - Parameter sparsity: the share of zeros; nil for the run as it is.
  /// - Returns: sizes and metric, equal on all ranks; times of rank 0.
  /// - Throws: `PruningError`, or what measuring throws.
  func attempt(_ sparsity: Double?) throws -> PruneTry {
    let zeros = try choose(sparsity).reduce(0, +)
    trained.model.leaveOutZeros(of: pruned.base)
    return PruneTry(
      target: sparsity, sparsity: Double(zeros) / Double(plan.count), zeros: zeros,
      metric: try metric.map { try measure(pruned, $0) } ?? nil, tuned: nil, bytes: bytes(),
      time: world.rank == 0 ? try time() : InferenceTime())
  }

  /// An error that all ranks have, told once.
  func together(_ error: any Error) throws -> any Error {
    try world.agree { () -> Void in throw error }
    return error
  }

  /// A metric of the validation split with some weights; nil where it is undefined.
  private func measure(_ store: ParameterStore, _ metric: String) throws -> Double? {
    let result = try trained.evaluate(store.base, on: world, metric)
    guard result.measures(metric) else {
      throw TrainingError(
        .usage,
        "\(metric) was not measured; use one of \(result.named.map(\.name).joined(separator: ", "))"
      )
    }
    return result.value(of: metric)
  }

  /// What the weights take in a file.
  private func bytes() -> PruneTry.Bytes {
    PruneTry.Bytes(
      dense: fileBytes(.dense), bitmask: fileBytes(.bitmask), csr: fileBytes(.csr),
      smallest: fileBytes(nil))
  }

  /// The size of the new run's exported file with the weights of ``pruned``.
  func fileBytes(_ form: TensorForm?) -> Int {
    let layout = trained.model.layout
    return TensorExport(
      configuration.train.ema == nil ? "parameters" : "ema", step: options.fineTuning,
      layout.slots.map(TensorPlace.init), pruned.base, form: form
    ).fileBytes
  }

  private func time() throws -> InferenceTime {
    InferenceTime.measure(trained.model, try trained.sampleBatch(), pruned, copy: spare)
  }
}
