import Datasets
import Models
import Tensors

/// Which samples the microbatches of a split hold when it is measured or predicted, and who takes which.
///
/// Microbatches are `[kN, (k + 1)N)` of the split. Where a model carries states the split is walked through in steps
/// of its B streams, each of them cut into microbatches of N: so a state follows its stream, and a rank that takes
/// the same microbatches of every step has the states that it needs. Nothing depends on ranks but who computes.
struct EvaluationPlan {
  /// The steps; one that is the whole split where nothing is carried.
  private let plan: BatchPlan?

  /// A plan for a split.
  ///
  /// - Throws: ``TrainingError`` where the model carries states and the split's samples stand alone.
  init(_ split: Split, _ model: Model) throws {
    let size = model.carriedWidth > 0 ? try split.requireStreams() : split.count
    plan =
      split.count > 0
      ? BatchPlan(samples: split.count, global: size, micro: model.capacity, lastBatch: .keep) : nil
  }

  /// Steps of the split.
  var steps: Int { plan?.stepsPerEpoch ?? 0 }

  /// V: microbatches of a step.
  var microbatches: Int { plan?.microbatchesPerStep ?? 0 }

  /// The k-th microbatch of a rank that takes `numbers` of every step; nil after the last.
  func request(_ k: Int, of numbers: [Int]) -> BatchRequest? {
    guard let plan, !numbers.isEmpty, k < steps * numbers.count else { return nil }
    let (step, place) = k.quotientAndRemainder(dividingBy: numbers.count)
    return BatchRequest(
      index: step * microbatches + numbers[place], step: 0, epoch: 0,
      positions: plan.positions(step: step, microbatch: numbers[place]))
  }

  /// The samples of consecutive microbatches of a step.
  func samples(step: Int, _ numbers: Range<Int>) -> Range<Int> {
    guard let plan, !numbers.isEmpty else { return 0..<0 }
    let last = plan.positions(step: step, microbatch: numbers.upperBound - 1)
    return plan.positions(step: step, microbatch: numbers.lowerBound).lowerBound..<last.upperBound
  }

  /// Runs the model over a microbatch of the plan, which begins with the states that the one before left.
  func evaluate(
    _ microbatch: Microbatch, _ model: Model, _ parameters: UnsafePointer<Float>,
    _ states: StreamStates?
  ) {
    let number = microbatch.index % max(1, microbatches)
    model.evaluate(
      microbatch, parameters, carried: states?.state(ofMicrobatch: number))
    states?.advance(number)
  }

  /// The states of a rank that takes `numbers` of every step, of zeros; nil where nothing is carried.
  func states(_ model: Model, _ numbers: [Int]) -> StreamStates? {
    plan.flatMap { StreamStates(model, $0, microbatches: numbers) }
  }
}
