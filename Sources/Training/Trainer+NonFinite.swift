import Configuration
import Foundation
import MPI
import Models
import Optimizers
import Parameters
import Tensors

extension Trainer {
  /// Refuses labels and ids the model has no row for, before a kernel could read past its table.
  func refuseWrongLabels(_ microbatch: Microbatch) throws {
    guard let wrong = model.labelOutOfRange(microbatch) else { return }
    throw TrainingError(
      .badData,
      "\(training.role.rawValue) split, \(wrong); correct the data, or the size in the configuration"
    )
  }

  /// Remembers where the pass of a microbatch was not finite first, while its arena still holds it, and what
  /// it came to where the step may be computed again.
  ///
  /// - Parameters:
  ///   - microbatch: the samples of the pass.
  ///   - lane: where they were.
  ///   - gradient: what the pass wrote, P scalars.
  func examine(_ microbatch: Microbatch, lane: Int, gradient: UnsafePointer<Float>) {
    let losses = table.losses(of: microbatch.index)
    let places = 0..<table.lossCount
    // A loss of the whole batch is everybody's: only who finds a layer knows where it went wrong.
    let isFinite =
      places.allSatisfy { losses[$0].isFinite } && couplingStep?.loss.isFinite != false
      && evidence.finding?.microbatch != microbatch.index
    if !isFinite, let place = model.firstNonFinite(microbatch, inLane: lane) {
      evidence.note(place.name, place.samples, in: microbatch)
    } else if let place = places.first(where: { !losses[$0].isFinite }) {
      evidence.note("the loss of \(model.lossName(at: place))", in: microbatch)
    }
    if rowParts?.rows.isFinite == false {
      evidence.note("the gradient of rows of a sharded table", in: microbatch)
    }
    guard configuration.train.nonFinite.reruns else { return }
    var sum = optimizer.checksum(of: gradient)
    for bits in places.map({ losses[$0].bitPattern })
      + [rowParts?.rows.squaredNorm.bitPattern ?? 0]
    {
      sum = (sum &+ bits) &* 0x9E37_79B9_7F4A_7C15
    }
    evidence.add(sum, ofMicrobatch: microbatch.index)
  }

  /// Does what the configuration says about a step that is not finite; the same on every rank.
  func handleNonFinite(_ record: StepRecord) throws {
    let (problem, isPoisoned) = try describe(record)
    if configuration.train.nonFinite.reruns { try requireSameAgain(record, problem) }
    let cause = configuration.train.nonFinite.reruns ? ", computed twice with the same result" : ""
    switch configuration.train.nonFinite.final {
    case .abort, .rerun:
      try failTogether(
        .nonFinite,
        problem + cause
          + "; lower the learning rate, set train.clipNorm, or train.nonFinite: skip")
    case .skip(let limits):
      if isPoisoned {
        try failTogether(
          .nonFinite, problem + cause + "; no step can be finite again, so none is skipped")
      }
      try countSkip(limits, problem + cause)
    case .rollback:
      try goBack(past: record.step, because: problem + cause)
    }
  }

  /// Leaves the update out, within limits.
  private func countSkip(_ limits: NonFinitePolicy.SkipLimits, _ problem: String) throws {
    let step = state.step
    let recent = (state.recentSkips ?? []).filter { $0 > step - 1000 } + [step]
    state.recentSkips = recent
    var row = 0
    while row < recent.count, recent[recent.count - 1 - row] == step - row { row += 1 }
    observer?.noted(problem + "; the update is left out")
    let exceeded =
      row > limits.consecutive
      ? "\(row) steps in a row were skipped, train.nonFinite permits \(limits.consecutive)"
      : recent.count > limits.perThousand
        ? "\(recent.count) of the last 1000 steps were skipped, train.nonFinite permits "
          + "\(limits.perThousand)" : nil
    if let exceeded { try failTogether(.nonFinite, problem + "; " + exceeded) }
  }

  /// What one rank knows about a step that is not finite.
  private struct Report: Codable {
    let finding: StepEvidence.Finding?
    let state: String?
  }

  /// Says what is not finite, with rank and samples where a microbatch shows it; collective.
  ///
  /// - Returns: the sentence, and whether the weights themselves are not finite.
  private func describe(_ record: StepRecord) throws -> (problem: String, isPoisoned: Bool) {
    let mine = Report(finding: evidence.finding, state: nonFiniteState())
    let reports = try world.allGatherBytes(Array(try JSONEncoder().encode(mine))).map {
      try JSONDecoder().decode(Report.self, from: Data($0))
    }
    let first = reports.enumerated().compactMap { rank, report in
      report.finding.map { (rank: rank, finding: $0) }
    }.min { $0.finding.microbatch < $1.finding.microbatch }
    var problem = "step \(record.step + 1): "
    if let (rank, finding) = first {
      problem +=
        "NaN or infinity first in \(finding.place) (rank \(rank), \(finding.text) of the "
        + "\(training.role.rawValue) split)"
    } else if let slot = optimizer.firstNonFinite(in: table.gradientNorms) {
      problem += "NaN or infinity first in the sum of all ranks' gradients of \(slot)"
    } else {
      problem +=
        "NaN or infinity first in the square of the gradient of "
        + "\(optimizer.largest(in: table.gradientNorms)), which no Float32 holds"
    }
    problem +=
      "; loss \(record.loss.isNaN ? "NaN" : "\(record.loss)"), gradient norm "
      + (record.gradientNorm.isNaN ? "NaN" : "\(record.gradientNorm)")
    // Where weights moved before the whole gradient was known, they are not finite because of this step.
    let poisoned = updatesEarly ? nil : reports.firstIndex { $0.state != nil }
    if let poisoned, let name = reports[poisoned].state {
      problem += "; \(name) (owner rank \(poisoned)) have not been finite since an earlier update"
    }
    return (problem, poisoned != nil)
  }

  /// Ends the run on all ranks with one message, for a failure that all of them see alike.
  ///
  /// A checkpoint under way is finished first: it is the newest there is to go on from.
  func failTogether(_ status: ExitStatus, _ message: String) throws {
    _ = try? saver.finish()
    try world.agree { throw TrainingError(status, message) }
  }
}
