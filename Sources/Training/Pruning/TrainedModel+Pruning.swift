import Buffers
import Checkpoints
import Configuration
import Foundation
import MPI
import Metrics
import Parameters
import Pruning
import Tensors

extension TrainedModel {
  /// The folder of the checkpoint, from the root on.
  var checkpointPath: String {
    URL(fileURLWithPath: checkpoint.path).standardizedFileURL.path
  }

  /// Measures the split with other weights than its own, on all ranks.
  ///
  /// - Parameters:
  ///   - weights: P scalars in canonical order, equal on all ranks.
  ///   - world: all ranks.
  ///   - metric: measured beside the run's own.
  /// - Returns: the result, equal on all ranks.
  /// - Throws: what reading, the metrics or MPI throw.
  func evaluate(
    _ weights: UnsafePointer<Float>, on world: Communicator, _ metric: String
  ) throws -> EvaluationResult {
    var metrics = Evaluator.metrics(configuration.evaluate.metrics)
    let name = metric.split(separator: ".").last.map(String.init) ?? metric
    if !metrics.isEmpty, let asked = MetricName(rawValue: name), asked != .loss,
      !metrics.contains(asked)
    {
      metrics.append(asked)
    }
    let evaluator = Evaluator(world, model: model, metrics: metrics, transcriber: transcriber)
    return try evaluator.evaluate(
      split, parameters: weights, prefetch: configuration.data.prefetch)
  }

  /// The first samples of the split, as many as a microbatch holds.
  func sampleBatch() throws -> Microbatch {
    let batch = Microbatch(capacity: model.capacity, fields: split.fields)
    batch.count = min(batch.capacity, split.count)
    for index in 0..<batch.count { batch.sampleNumbers[index] = Int64(index) }
    try split.fill(batch)
    return batch
  }

  /// Refuses a pattern by which zeros of the run would come back.
  func requirePruned(as pattern: PruningConfiguration.Pattern) throws {
    let before = configuration.pruning?.pattern ?? .single
    guard checkpoint.manifest.state.pruning != nil, pattern != .single, pattern != before else {
      return
    }
    if case .group(let keep, let of) = pattern, case .group(let kept, of) = before, keep <= kept {
      return
    }
    throw PruningError(
      .impossibleTarget,
      "\(run) is pruned already, by another pattern, so that some of its zeros would lie in what stays and come "
        + "back in training; use --pattern single, or prune the run it came from")
  }

  /// Refuses a run that has pruned what a plan leaves out: further training would bring that back.
  func requirePruned(within plan: PruningPlan) throws {
    guard checkpoint.manifest.state.pruning != nil, checkpoint.holds(Pruner.arrayName) else {
      return
    }
    let count = model.layout.count
    let words = HostBuffer<UInt64>(count: ParameterMask.wordCount(of: count))
    let floats = UnsafeMutableRawPointer(words.base)
    try floats.withMemoryRebound(to: Float.self, capacity: 2 * words.count) {
      try checkpoint.read(Pruner.arrayName, 0..<2 * words.count, into: $0)
    }
    let kept = Set(plan.tensors.map(\.range))
    for slot in model.layout.slots where !kept.contains(slot.range) {
      let isPruned = slot.range.contains { words[$0 / 64] >> UInt64($0 % 64) & 1 == 0 }
      guard isPruned else { continue }
      throw PruningError(
        .patternWithoutMatch,
        "\(run) is pruned in \(slot.name), which is left out here, so that its zeros would come back in "
          + "training; let include, exclude, embeddings and last layers cover it")
    }
  }
}
