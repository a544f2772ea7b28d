import Checkpoints
import Configuration
import Datasets
import Exchange
import MPI
import Metrics
import Models
import Parameters
import Reports
import Tensors

/// Makes 8-bit codes of a finished run's weights, and measures what that costs.
///
/// Batch norms are folded into the layers before them first. Weights of linear layers and convolutions get one scale for
/// each output channel; what enters those layers is watched on training samples, so that it can be coded too. Products
/// are computed in Float32 with what the codes stand for: what is won is size.
public final class RunQuantizer {
  /// What to do.
  public struct Options: Sendable {
    /// The run folder, which is only read.
    public var run: String
    /// Which of its checkpoints.
    public var choice = TrainedModel.Choice.automatic
    /// The file that is written.
    public var output: String
    /// What is measured on.
    public var split = SplitRole.test
    /// Training samples that ranges are taken from.
    public var samples = 1024
    /// The share of an input's values that its codes cover, half of the rest beyond either end; 1: all of them.
    public var coverage = 0.9999

    /// Options from their parts; all others have their defaults.
    public init(run: String, output: String) { (self.run, self.output) = (run, output) }
  }

  private let world: Communicator
  private let options: Options
  private let trained: TrainedModel

  /// Opens the run; collective.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - options: what to do; equal on all ranks.
  /// - Throws: ``TrainingError``, or the errors of the rooms.
  public init(_ world: Communicator, _ options: Options) throws {
    (self.world, self.options) = (world, options)
    trained = try world.agree {
      let trained = try TrainedModel(
        TrainedModel.Request(run: options.run, split: options.split, choice: options.choice))
      guard trained.model.layout.shardedTables.isEmpty else {
        throw TrainingError(
          .badConfiguration,
          "\(options.run) has an embedding with shard: true, whose rows lie on one rank each; its weights are "
            + "not coded")
      }
      try trained.requireFinite()
      guard !trained.model.codableWeights.isEmpty else {
        throw TrainingError(
          .badConfiguration, "\(options.run) has no linear layer and no convolution to code")
      }
      return trained
    }
  }

  /// Codes, measures and writes; collective.
  ///
  /// - Returns: what came of it, equal on all ranks.
  /// - Throws: `CheckpointError` if the file cannot be written, or what reading and measuring throw.
  public func run() throws -> QuantizationOutcome {
    let model = trained.model
    let before = try evaluate(trained.store)
    let coded = ParameterStore(model.layout)
    coded.base.update(from: trained.store.base, count: model.layout.count)
    let folds = model.foldNorms(in: coded.base)
    let inputs = try InputRanges(world, model, try world.agree(training))
      .codes(of: coded.base, samples: options.samples, coverage: options.coverage)
    let export = try world.agree { () -> ExportReport in
      let export = TensorExport(
        trained.checkpoint.weightsName, step: trained.step,
        model.layout.slots.map(TensorPlace.init),
        coded.base, form: .dense, coded: Set(model.codableWeights.map(\.name)),
        inputs: zip(model.codableWeights, inputs).map {
          TensorExport.Input(weight: $0.name, scale: $1.scale, zeroPoint: $1.zeroPoint)
        })
      var report = export.report
      report.fileBytes = export.fileBytes
      return world.rank == 0 ? try export.write(to: options.output) : report
    }
    for slot in model.codableWeights {
      let values = coded[slot]
      guard let base = values.baseAddress else { continue }
      ChannelCodes(base, shape: slot.shape).decode(into: base)
    }
    let weights = try evaluate(coded)
    model.codeInputs(inputs)
    defer { model.codeInputs(nil) }
    return QuantizationOutcome(
      source: trained.configuration.name, step: trained.step, split: options.split.rawValue,
      samples: trained.split.count, layers: model.codableWeights.count, folds: folds,
      denseBytes: export.denseBytes, fileBytes: export.fileBytes, before: before,
      weights: weights, all: try evaluate(coded))
  }

  private func evaluate(_ store: ParameterStore) throws -> [MetricValue] {
    try trained.evaluate(store.base, on: world, "loss").named
  }

  /// The training split of the run's own data.
  private func training() throws -> Split {
    guard let split = try trained.dataset.split(.train), split.count > 0 else {
      throw TrainingError(
        .missingInput, "\(trained.dataset.name) has no training samples to take ranges from")
    }
    return split
  }
}

/// What coding a run came to.
public struct QuantizationOutcome: Sendable {
  /// The run and the step of its checkpoint.
  public var source: String
  /// The step of the checkpoint.
  public var step: Int
  /// The split that was measured, and its samples.
  public var split: String
  /// Samples of the split.
  public var samples: Int
  /// Layers whose weights are codes.
  public var layers: Int
  /// Batch norms that were folded.
  public var folds: Int
  /// Bytes of all tensors as Float32.
  public var denseBytes: Int
  /// Bytes of the file.
  public var fileBytes: Int
  /// Metrics of the run as it was, with coded weights, and with coded weights and inputs.
  public var before, weights, all: [MetricValue]

  /// Everything, for programs.
  public var json: JSONValue {
    func values(_ metrics: [MetricValue]) -> JSONValue {
      .object(metrics.map { .init($0.name, $0.value.map { .number($0) } ?? .null) })
    }
    return .object([
      .init("source", .text(source)), .init("step", .integer(step)), .init("split", .text(split)),
      .init("samples", .integer(samples)), .init("layers", .integer(layers)),
      .init("foldedNorms", .integer(folds)), .init("denseBytes", .integer(denseBytes)),
      .init("fileBytes", .integer(fileBytes)), .init("float", values(before)),
      .init("int8Weights", values(weights)), .init("int8", values(all)),
    ])
  }
}
