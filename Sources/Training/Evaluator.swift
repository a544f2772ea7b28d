import Configuration
import Datasets
import Exchange
import Foundation
import MPI
import Metrics
import Models
import Parameters
import Tensors

/// Measures a model on a split, on all ranks, every sample counted once.
///
/// Microbatches are `[kN, (k + 1)N)` of the split for the run's N whatever the number of ranks, since
/// grouping changes bits; results are merged in microbatch order and equal to the last bit.
public struct Evaluator {
  /// All ranks.
  let world: Communicator
  /// The compiled model.
  let model: Model
  /// The metrics asked for; empty: those that fit.
  let metrics: [MetricName]
  /// How heads that transcribe are read.
  let transcriber: Transcriber
  /// Shows how the evaluation gets on, if somebody watches.
  let clock: StepClock?

  /// An evaluator of `model` on all ranks of `world`.
  public init(
    _ world: Communicator, model: Model, metrics: [MetricName],
    transcriber: Transcriber = Transcriber(), clock: StepClock? = nil
  ) {
    self.transcriber = transcriber
    self.clock = clock
    self.world = world
    self.model = model
    self.metrics = metrics
  }

  /// The metrics that a configuration names, the loss left out, which is always measured.
  public static func metrics(_ names: [String]) -> [MetricName] {
    names.compactMap(MetricName.init(rawValue:)).filter { $0 != .loss }
  }

  /// What each head predicts, as the metrics need to know it.
  ///
  /// - Parameters:
  ///   - model: the model.
  ///   - spelling: the targets whose ids have texts.
  /// - Returns: one head each.
  public static func metricHeads(
    _ model: Model, spelling: (String) -> Bool = { _ in false }
  ) -> [MetricHead] {
    model.heads.map { head in
      let kind: MetricHead.Kind
      switch head.loss {
      case .crossEntropy: kind = .classification(classes: head.outputs)
      case .binaryCrossEntropy:
        kind = head.outputs == 1 ? .binary : .multiLabel(outputs: head.outputs)
      case .meanSquaredError, .huber: kind = .regression(outputs: head.outputs)
      case .ctc: kind = .transcription(outputs: head.outputs)
      }
      return MetricHead(
        name: head.name, kind: kind, lossName: head.loss.keyword, weight: head.weight,
        spells: head.loss.isTranscription && spelling(head.target))
    }
  }

  /// Measures `split`.
  ///
  /// - Parameters:
  ///   - split: the samples.
  ///   - subset: the modalities that take part, all others being treated as missing; nil for all.
  ///   - parameters: P values in canonical order, equal on all ranks.
  ///   - prefetch: microbatches read ahead.
  /// - Returns: the result, equal on all ranks.
  /// - Throws: what reading, the metrics or MPI throw, or ``TrainingError`` for a split without samples.
  public func evaluate(
    _ split: Split, of subset: [String]? = nil, parameters: UnsafePointer<Float>, prefetch: Int
  ) throws -> EvaluationResult {
    guard split.count > 0 else {
      throw TrainingError(
        .badData, "the \(split.role.rawValue) split has no samples; choose another split")
    }
    model.select(subset)
    defer { model.select(nil) }
    let heads = Self.metricHeads(model) { transcriber.texts[$0] != nil }
    let accumulator = try MetricAccumulator(heads: heads, metrics: metrics)
    let loader = Self.loader(split, model, world, prefetch: prefetch)
    defer { loader.stop() }
    // Contrast needs both modalities of a pair: subsets leave it out.
    var pairs = subset == nil ? PairCollection(model) : nil
    while let microbatch = try loader.next() {
      clock?.progress(microbatch.index)
      try add(microbatch, parameters, to: accumulator)
      pairs?.add(microbatch, model)
      loader.recycle(microbatch)
    }
    clock?.waits(for: .everyone)
    defer { clock?.wentOn() }
    let partials = try world.gatherBytes(accumulator.encode(), root: 0)
    var encoded: [UInt8] = []
    if let partials {
      let result = try MetricAccumulator.merge(
        partials, heads: heads, metrics: metrics,
        predictions: model.heads.map { head in head.rowsPerSample.map { $0 * split.count } })
      encoded = Array(try JSONEncoder().encode(result))
    }
    let shared = try world.broadcastBytes(encoded, root: 0)
    let result = try JSONDecoder().decode(EvaluationResult.self, from: Data(shared))
    guard let pairs, let coupling = model.coupling else { return result }
    return result.adding(
      try pairs.measure(world, parameters), weight: coupling.weight, samples: split.count)
  }

  /// This rank's microbatches of a split, in order.
  static func loader(
    _ split: Split, _ model: Model, _ world: Communicator, prefetch: Int
  ) -> BatchLoader {
    let count = BatchPlan.evaluationCount(samples: split.count, micro: model.capacity)
    let share = (0..<count).part(world.rank, of: world.size)
    let loader = BatchLoader(split, capacity: model.capacity, depth: prefetch)
    loader.start(order: nil) { [capacity = model.capacity, samples = split.count] index in
      let index = share.lowerBound + index
      guard share.contains(index) else { return nil }
      return BatchRequest(
        index: index, step: 0, epoch: 0,
        positions: BatchPlan.evaluationRange(index, samples: samples, micro: capacity))
    }
    return loader
  }

  private func add(
    _ microbatch: Microbatch, _ parameters: UnsafePointer<Float>, to accumulator: MetricAccumulator
  ) throws {
    if let wrong = model.labelOutOfRange(microbatch) {
      throw TrainingError(.badData, "\(wrong); correct the data")
    }
    model.evaluate(microbatch, parameters)
    for (index, head) in model.heads.enumerated() {
      guard let target = head.targetIndex else { continue }
      if head.loss.isTranscription {
        addTranscriptions(microbatch, head: index, target: target, to: accumulator)
        continue
      }
      var areClasses = false
      if case .crossEntropy = head.loss { areClasses = true }
      accumulator.add(
        head: index, microbatch: microbatch.index,
        count: model.rows(ofHead: index, samples: microbatch.count),
        outputs: model.output(ofHead: index),
        labels: areClasses ? model.labels(ofHead: index, microbatch) : nil,
        values: areClasses ? nil : model.values(ofHead: index, microbatch),
        loss: model.losses[index],
        weight: model.normalizerContribution(head: index, microbatch))
    }
  }

  private func addTranscriptions(
    _ microbatch: Microbatch, head: Int, target: Int, to accumulator: MetricAccumulator
  ) {
    let (ids, offsets) = (microbatch.integers(target), microbatch.offsets(target))
    let texts = transcriber.texts[model.heads[head].target]
    var errors = TranscriptionErrors()
    let all = model.transcriptions(ofHead: head, microbatch, by: transcriber.search)
    var count = 0
    for (sample, found) in all.enumerated() where model.reads(sample: sample, ofHead: head) {
      count += 1
      let length = offsets[sample + 1] - offsets[sample]
      errors.add(
        found, truth: UnsafeBufferPointer(start: ids + offsets[sample], count: length),
        texts: texts)
    }
    errors.infeasible = model.infeasibleSequences(ofHead: head).lastPass
    accumulator.add(
      head: head, microbatch: microbatch.index, count: count, errors: errors,
      loss: model.losses[head], weight: model.normalizerContribution(head: head, microbatch))
  }
}
