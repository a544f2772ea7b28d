import BLAS
import Foundation
import Reports
import Tensors

extension Trainer {
  /// Writes the summary and the report of the finished run.
  ///
  /// - Returns: the summary, on every rank.
  /// - Throws: ``TrainingError`` if the summary cannot be written.
  func finish() throws -> RunSummary {
    // A run that ended between its last checkpoint and its summary has the weights, not the metrics.
    if lastEvaluation == nil, let validation { _ = try measure(validation) }
    let samples = samplesOfRun
    let wall = seconds
    var summary = RunSummary(
      steps: state.step, epochs: Double(state.step) / Double(plan.stepsPerEpoch),
      ranks: world.size, wallSeconds: wall, samplesPerSecond: Double(samples) / max(wall, 1e-9),
      metrics: [:], bestStep: state.bestStep, stoppedEarly: state.stoppedEarly,
      skippedSteps: state.skippedSteps,
      wireBytes: Int(try world.allReduce(Int64(exchange.bytesSent + rowBytesSent), by: .sum)),
      parametersDigest: try parametersDigest(), phases: [:], timing: nil,
      noiseScale: noise.moments.scale, hosts: hosts,
      kernels: Kernels.name, coreType: BLAS.coreType, version: options.version)
    for metric in lastEvaluation?.named ?? [] {
      if let value = metric.value, value.isFinite { summary.metrics[metric.name] = value }
    }
    summary.checkpoints = saver.cost
    summary.pruning = pruningSummary
    summary.distillation = distillationSummary
    summary.constraint = constrainer?.achieved
    for (phase, seconds) in clock.table { summary.phases[phase] = seconds }
    summary.timing = try timing?.report(node: world.hostName)
    try agreeWatched {
      guard world.rank == 0 else { return }
      do {
        try log?.synchronize(through: log?.offset ?? 0)
        if let lastEvaluation {
          try folder.write(
            lastEvaluation.json(split: "validation") + "\n",
            to: folder.evaluation(of: "validation"))
        }
        try folder.write(summary.json, to: folder.summary)
      } catch {
        throw TrainingError(.inputOutput, "\(folder.path): the summary cannot be written: \(error)")
      }
      RunReport(folder).writeAtEnd(model: ModelFacts(model, dataset, training), telling: observer)
    }
    return summary
  }

  /// Samples that all steps of the run have seen.
  private var samplesOfRun: Int {
    let (epochs, rest) = state.step.quotientAndRemainder(dividingBy: plan.stepsPerEpoch)
    return epochs * plan.samples(inFirst: plan.stepsPerEpoch) + plan.samples(inFirst: rest)
  }
}
