import Configuration
import Datasets
import Tensors

extension Trainer {
  /// Sets the divisor of each head's loss over the coming global batch.
  ///
  /// It is known before the forward pass, so that the loss gradient is scaled once at the head and the
  /// tree's sum is final. Without class weights it is the number of samples. With them every rank reads
  /// the labels of the whole batch: a few bytes a sample instead of a message.
  func fillNormalizers(epoch: Int, stepInEpoch: Int) throws {
    let samples = plan.samples(inStep: stepInEpoch)
    for head in 0..<model.heads.count { table.normalizers[head] = Double(samples) }
    guard let labels = globalLabels else { return }
    labels.count = samples
    for index in 0..<samples {
      let position = stepInEpoch * plan.global + index
      labels.sampleNumbers[index] = Int64(sampler.sample(at: position, epoch: epoch))
    }
    try training.fill(labels)
    for (index, head) in model.heads.enumerated() where head.loss.weighsClasses {
      guard let field = labels.fieldIndex(head.target) else { continue }
      table.normalizers[index] = model.normalizerContribution(
        head: index, labels: labels.integers(field), count: samples)
    }
  }

  /// Room for the labels of a global batch, if some head weighs classes.
  static func makeGlobalLabels(_ setUp: TrainingSetUp) -> Microbatch? {
    let targets = setUp.model.heads.filter { $0.loss.weighsClasses }.map(\.target)
    let fields = setUp.training.fields.filter { targets.contains($0.name) }
    return fields.isEmpty ? nil : Microbatch(capacity: setUp.plan.global, fields: fields)
  }
}
