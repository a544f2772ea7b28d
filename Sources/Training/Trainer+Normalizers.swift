import Configuration
import Datasets
import Models
import Tensors

extension Trainer {
  /// Sets the divisor of each head's loss over the coming global batch, and marks the rows it touches of
  /// lazily moved tables.
  ///
  /// It is known before the forward pass, so that the loss gradient is scaled once at the head and the
  /// tree's sum is final. It is the number of predictions: samples, those that have the head's modality
  /// and were not drawn to lose it, or steps of sequences; with weights of
  /// classes or predictions their sum. Where it depends
  /// on more than the number of samples, every rank looks at the lengths or labels of the whole batch: a
  /// few bytes a sample instead of a message. So it does with ids of lazy tables.
  func prepareGlobalFacts(step: Int) throws {
    let (epoch, stepInEpoch) = step.quotientAndRemainder(dividingBy: plan.stepsPerEpoch)
    let samples = plan.samples(inStep: stepInEpoch)
    for (index, head) in model.heads.enumerated() {
      let rows = Double(samples * (head.rowsPerSample ?? 0))
      table.normalizers[index] = rows
      // Teachers say something about every prediction, whatever it weighs.
      if distillation != nil { table.normalizers[model.heads.count + index] = rows }
    }
    for (index, hint) in model.hints.enumerated() {
      table.normalizers[2 * model.heads.count + index] = Double(samples * hint.rowsPerSample)
    }
    guard let facts = globalFacts else { return }
    facts.count = samples
    for index in 0..<samples {
      let position = stepInEpoch * plan.global + index
      facts.sampleNumbers[index] = Int64(sampler.sample(at: position, epoch: epoch))
    }
    try training.fill(facts)
    touched.clear()
    model.markTouchedRows(facts, step: step, in: touched)
    for (index, head) in model.heads.enumerated() where Self.needsFacts(head) {
      table.normalizers[index] = model.normalizerContribution(
        head: index, facts, step: step)
    }
  }

  private static func needsFacts(_ head: Head) -> Bool {
    head.rowsPerSample == nil || head.isWeighted
  }

  /// Room for the extents of a global batch, for labels and weights of heads that weigh, and for ids of
  /// lazy tables; nil where the number of samples says all.
  static func makeGlobalFacts(_ setUp: TrainingSetUp) -> Microbatch? {
    let heads = setUp.model.heads
    let touching = setUp.model.touchingFields
    guard heads.contains(where: needsFacts) || !touching.isEmpty else { return nil }
    let weighed =
      heads.filter { $0.loss.weighsClasses }.compactMap(\.targetIndex)
      + heads.compactMap(\.weightsIndex)
    return Microbatch(
      capacity: setUp.plan.global, fields: setUp.training.fields, numbersOf: touching.union(weighed)
    )
  }
}
