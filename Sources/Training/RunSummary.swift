import Foundation
import Reports

/// What came out of a run: the content of `summary.json`.
public struct RunSummary: Sendable, Equatable, Codable {
  /// Optimizer steps done.
  public var steps: Int
  /// Passes over the training split.
  public var epochs: Double
  /// R of the last start.
  public var ranks: Int
  /// Wall-clock seconds of training, over all starts.
  public var wallSeconds: Double
  /// Training samples per second over all ranks, evaluation and checkpoints included.
  public var samplesPerSecond: Double
  /// The validation metrics of the last evaluation by name; empty without a validation split.
  public var metrics: [String: Double]
  /// The step of the best checkpoint, if one is tracked.
  public var bestStep: Int?
  /// Whether early stopping ended the run.
  public var stoppedEarly: Bool
  /// Steps whose update was left out because of a NaN or infinity.
  public var skippedSteps: Int
  /// Bytes that all ranks sent to other nodes in the last start: gradients and weights.
  public var wireBytes: Int
  /// SHA-256 over all parameters after the last step.
  public var parametersDigest: String
  /// Seconds of rank 0 by phase, of the last start.
  public var phases: [String: Double]
  /// Where the time of the last start went, rank by rank; nil in summaries that do not know it.
  public var timing: TimingReport?
  /// What checkpoints cost rank 0 in the last start; nil in summaries that do not know it.
  public var checkpoints: CheckpointCost? = nil
  /// What was pruned; nil where nothing was, and in summaries that do not know it.
  public var pruning: Pruning? = nil
  /// What weights were held to, and what they came to; nil where to nothing, and in summaries that do not know it.
  public var constraint: [Constraint]? = nil
  /// From whom the run learned; nil where it had no teachers, and in summaries that do not know it.
  public var distillation: Distillation? = nil
  /// The gradient noise scale in samples, where it could be measured.
  public var noiseScale: Double?
  /// Distinct host names.
  public var hosts: [String]
  /// The kernel build.
  public var kernels: String
  /// OpenBLAS's core type.
  public var coreType: String
  /// The program's version.
  public var version: String

  /// Reads a summary.
  ///
  /// - Parameter path: the file.
  /// - Returns: its content.
  /// - Throws: ``TrainingError`` with status `badData`.
  public static func load(_ path: String) throws -> RunSummary {
    do {
      return try JSONDecoder().decode(
        RunSummary.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      throw TrainingError(.badData, "\(path) is not the summary of a run: \(error)")
    }
  }

  /// Readable JSON with sorted keys.
  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else { return "{}" }
    return String(decoding: data, as: UTF8.self) + "\n"
  }
}

extension RunSummary {
  /// A tensor that was held to something, as the last step left it.
  public struct Constraint: Sendable, Equatable, Codable {
    /// Its name.
    public var name: String
    /// The key of the constraint.
    public var kind: String
    /// The bound that was taken from the weights; nil where it was given.
    public var bound: Double?
    /// Its weights.
    public var weights: Int
    /// Those that are 0.
    public var zeros: Int
    /// The least weight.
    public var minimum: Double
    /// The greatest weight.
    public var maximum: Double
    /// Quantiles of |w|, by share.
    public var magnitudes: [String: Double]
    /// The largest L2 norm of the weights that feed one output; nil for a tensor of one extent.
    public var largestNorm: Double?
  }

  /// From whom a run learned.
  public struct Distillation: Sendable, Equatable, Codable {
    /// T.
    public var temperature: Double
    /// α.
    public var alpha: Double
    /// The teachers, in their order.
    public var teachers: [Teacher]

    /// One teacher.
    public struct Teacher: Sendable, Equatable, Codable {
      /// The run folder, as the configuration names it.
      public var run: String
      /// The SHA-256 of what decides its weights and network.
      public var digest: String
    }
  }

  /// What was pruned.
  public struct Pruning: Sendable, Equatable, Codable {
    /// The step after which the mask was chosen last.
    public var step: Int
    /// `zeros / weights`.
    public var sparsity: Double
    /// The weights that are zero.
    public var zeros: Int
    /// The weights that can be pruned.
    public var weights: Int
    /// The checksum of the mask, in hexadecimal.
    public var mask: String
    /// The tensors, in canonical order.
    public var tensors: [Tensor]

    /// One tensor that is pruned.
    public struct Tensor: Sendable, Equatable, Codable {
      /// Its name.
      public var name: String
      /// Its weights.
      public var weights: Int
      /// Those that are zero.
      public var zeros: Int
    }
  }
}
