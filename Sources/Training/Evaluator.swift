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
/// Microbatches are those of an ``EvaluationPlan`` for the run's N whatever the number of ranks, since
/// grouping changes bits; results are merged in microbatch order and equal to the last bit. States that are carried
/// begin with zeros and follow their streams through the split.
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
  /// The model's sharded tables.
  var rows: ShardedRows?

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

  /// The heads that are measured against the data: not those that compare with drawn negatives.
  static func measuredHeads(_ model: Model) -> [Int] {
    model.heads.indices.filter { !model.heads[$0].loss.comparesNegatives }
  }

  /// What each measured head predicts, as the metrics need to know it.
  ///
  /// - Parameters:
  ///   - model: the model.
  ///   - spelling: the targets whose ids have texts.
  /// - Returns: one head each.
  public static func metricHeads(
    _ model: Model, spelling: (String) -> Bool = { _ in false }
  ) -> [MetricHead] {
    measuredHeads(model).map { index in
      let head = model.heads[index]
      let kind: MetricHead.Kind
      switch head.loss {
      case .crossEntropy: kind = .classification(classes: head.outputs)
      case .binaryCrossEntropy:
        kind = head.outputs == 1 ? .binary : .multiLabel(outputs: head.outputs)
      case .meanSquaredError, .huber: kind = .regression(outputs: head.outputs)
      case .ctc: kind = .transcription(outputs: head.outputs)
      case .bpr: preconditionFailure("a head that is not measured")
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
    let plan = try EvaluationPlan(split, model)
    let numbers = Array((0..<plan.microbatches).part(world.rank, of: world.size))
    let states = plan.states(model, numbers)
    let loader = Self.loader(split, model, plan, numbers, prefetch: prefetch)
    defer { loader.stop() }
    // Contrast needs both modalities of a pair: subsets leave it out.
    var pairs = subset == nil ? PairCollection(model) : nil
    var rounds = plan.steps * ((plan.microbatches + world.size - 1) / world.size)
    while let microbatch = try loader.next() {
      clock?.progress(microbatch.index)
      rounds -= 1
      try rows?.fetch([microbatch], step: nil)
      try refuseWrongLabels(microbatch)
      plan.evaluate(microbatch, model, parameters, states)
      add(microbatch, to: accumulator)
      pairs?.add(microbatch, model)
      loader.recycle(microbatch)
    }
    // Whoever has fewer microbatches still sends rows to the others.
    while let rows, rounds > 0 {
      rounds -= 1
      try rows.fetch([], step: nil)
    }
    clock?.waits(for: .everyone)
    defer { clock?.wentOn() }
    let result = try merged(accumulator, heads, samples: split.count)
    guard let pairs, let coupling = model.coupling else { return result }
    return result.adding(
      try pairs.measure(world, parameters), weight: coupling.weight, samples: split.count)
  }

  /// What all ranks have counted, joined on one of them.
  private func merged(
    _ accumulator: MetricAccumulator, _ heads: [MetricHead], samples: Int
  ) throws -> EvaluationResult {
    let partials = try world.gatherBytes(accumulator.encode(), root: 0)
    var encoded: [UInt8] = []
    if let partials {
      let result = try MetricAccumulator.merge(
        partials, heads: heads, metrics: metrics,
        predictions: Self.measuredHeads(model).map { index in
          model.heads[index].rowsPerSample.map { $0 * samples }
        })
      encoded = Array(try JSONEncoder().encode(result))
    }
    let shared = try world.broadcastBytes(encoded, root: 0)
    return try JSONDecoder().decode(EvaluationResult.self, from: Data(shared))
  }

  /// A rank's microbatches of a split, in order.
  private static func loader(
    _ split: Split, _ model: Model, _ plan: EvaluationPlan, _ numbers: [Int], prefetch: Int
  ) -> BatchLoader {
    let loader = BatchLoader(split, capacity: model.capacity, depth: prefetch)
    loader.start(order: nil) { plan.request($0, of: numbers) }
    return loader
  }

  private func refuseWrongLabels(_ microbatch: Microbatch) throws {
    guard let wrong = model.labelOutOfRange(microbatch) else { return }
    throw TrainingError(.badData, "\(wrong); correct the data")
  }

  /// Counts what the model's last pass predicted.
  private func add(_ microbatch: Microbatch, to accumulator: MetricAccumulator) {
    for (place, index) in Self.measuredHeads(model).enumerated() {
      let head = model.heads[index]
      guard let target = head.targetIndex else { continue }
      if head.loss.isTranscription {
        addTranscriptions(microbatch, head: index, as: place, target: target, to: accumulator)
        continue
      }
      var areClasses = false
      if case .crossEntropy = head.loss { areClasses = true }
      accumulator.add(
        head: place, microbatch: microbatch.index,
        count: model.rows(ofHead: index, samples: microbatch.count),
        outputs: model.output(ofHead: index),
        labels: areClasses ? model.labels(ofHead: index, microbatch) : nil,
        values: areClasses ? nil : model.values(ofHead: index, microbatch),
        loss: model.losses[index],
        weight: model.normalizerContribution(head: index, microbatch))
    }
  }

  private func addTranscriptions(
    _ microbatch: Microbatch, head: Int, as place: Int, target: Int,
    to accumulator: MetricAccumulator
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
      head: place, microbatch: microbatch.index, count: count, errors: errors,
      loss: model.losses[head], weight: model.normalizerContribution(head: head, microbatch))
  }
}
