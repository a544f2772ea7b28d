import Metrics

/// Who is told what happens; called on rank 0 only, on the compute thread.
///
/// The loop prints nothing itself. Every method has an empty default, so an observer says only what
/// it wants to hear.
public protocol TrainingObserver: AnyObject {
  /// The run is about to start, or to go on.
  func started(_ facts: RunFacts)
  /// A step is over.
  func stepped(_ record: StepRecord, samplesPerSecond: Double)
  /// The validation split was measured after `step` steps.
  func evaluated(_ result: EvaluationResult, step: Int, epoch: Int, isBest: Bool)
  /// A checkpoint after `step` steps is complete.
  func saved(step: Int)
  /// Something a person should know, in one sentence.
  func noted(_ sentence: String)
}

extension TrainingObserver {
  /// Ignores the start.
  public func started(_ facts: RunFacts) {}
  /// Ignores the step.
  public func stepped(_ record: StepRecord, samplesPerSecond: Double) {}
  /// Ignores the evaluation.
  public func evaluated(_ result: EvaluationResult, step: Int, epoch: Int, isBest: Bool) {}
  /// Ignores the checkpoint.
  public func saved(step: Int) {}
  /// Ignores the sentence.
  public func noted(_ sentence: String) {}
}

/// What is known when a run starts.
public struct RunFacts: Sendable {
  /// The run's name.
  public var name: String
  /// R.
  public var ranks: Int
  /// Distinct host names.
  public var hosts: [String]
  /// Scalars an optimizer moves.
  public var parameters: Int
  /// S of the training split.
  public var trainingSamples: Int
  /// S of the validation split; 0 without one.
  public var validationSamples: Int
  /// B.
  public var globalBatch: Int
  /// N.
  public var microbatch: Int
  /// V of a full step.
  public var microbatchesPerStep: Int
  /// Steps of the whole run.
  public var totalSteps: Int
  /// Steps of one pass over the training split.
  public var stepsPerEpoch: Int
  /// Steps already done by the checkpoint that is resumed; 0 for a new run.
  public var resumedFrom: Int
  /// The kernel build in use.
  public var kernels: String
  /// OpenBLAS's core type.
  public var coreType: String
  /// Bytes of activations, tapes and scratch on one rank.
  public var arenaBytes: Int
}
