import Checkpoints
import Configuration
import MPI
import Optimizers
import Parameters
import Tensors

extension Trainer {
  /// Whether the update of a step is left out because the run went back before it.
  func isLeftOut(_ step: Int) -> Bool { state.leftOut?.contains(step) == true }

  /// Decides that the run goes back past a step when this one is over; the same on every rank.
  ///
  /// - Parameters:
  ///   - step: whose update is left out from now on.
  ///   - problem: what is wrong with it.
  /// - Throws: ``TrainingError`` where the configuration permits no more.
  func goBack(past step: Int, because problem: String) throws {
    guard case .rollback(let times) = configuration.train.nonFinite.final else { return }
    guard (state.rollbacks ?? 0) < times else {
      return try failTogether(
        .nonFinite,
        problem + "; the run went back \(state.rollbacks ?? 0) times, train.nonFinite permits "
          + "\(times)")
    }
    observer?.noted(
      problem + "; the run goes back to its last checkpoint and leaves the update of step "
        + "\(step + 1) out")
    goingBackPast = step
  }

  /// Looks at weights and optimizer state after the update of a step, and decides to go back where one is
  /// not finite; collective.
  func goBackFromUpdate(_ step: Int) throws {
    let problem = nonFiniteState()
    guard try world.allReduce(Int64(problem == nil ? 0 : 1), by: .maximum) > 0 else { return }
    let names = try world.allGatherBytes(Array((problem ?? "").utf8))
    let rank = names.firstIndex { !$0.isEmpty } ?? 0
    try goBack(
      past: step,
      because: "step \(step + 1): NaN or infinity after its update in "
        + "\(String(decoding: names[rank], as: UTF8.self)) (owner rank \(rank))")
  }

  /// Takes the run back to its newest checkpoint if the step just done decided so.
  ///
  /// What the checkpoint does not know stays: which updates are left out, and the time it took.
  ///
  /// - Returns: whether it went back, so that the steps from `state.step` on are due again.
  /// - Throws: what loading a checkpoint throws.
  func goBackIfDecided() throws -> Bool {
    guard let step = goingBackPast else { return false }
    goingBackPast = nil
    let leftOut = Set(state.leftOut ?? []).union([step]).sorted()
    let (rollbacks, seconds) = (state.rollbacks ?? 0, state.seconds)
    memoryCheck.forget()
    lastEvaluation = nil
    // The newest may still be under way; and a checkpoint that was gone back to has not killed a start.
    try finishSaving(mustSucceed: false)
    resumption.went(to: nil)
    try resumeOrInitialize()
    state.leftOut = leftOut
    (state.rollbacks, state.seconds) = (rollbacks + 1, seconds)
    return true
  }

  /// Writes a checkpoint of a run that has none and may have to go back to one, or has begun with what no
  /// initialiser gives again.
  func saveBeginningIfNeeded() throws {
    let isNeeded = configuration.train.nonFinite.rollsBack || options.beginning != nil
    guard isNeeded, !hasCheckpoint else { return }
    try save(waiting: true)
  }

  /// Refuses to save weights or optimizer state that are not finite: nothing could go on from them.
  ///
  /// - Throws: ``TrainingError`` on all ranks, naming the owner's tensor.
  func refuseNonFiniteState() throws {
    try world.agree {
      guard let name = nonFiniteState() else { return }
      throw TrainingError(
        .nonFinite,
        "\(name) are not finite after step \(state.step), so no checkpoint is written; lower the learning "
          + "rate, set train.clipNorm, or train.nonFinite: rollback")
    }
  }

  /// Weights or optimizer state of this rank that are not finite, by name.
  ///
  /// - Cost: one pass over what this rank owns.
  func nonFiniteState() -> String? {
    var arrays = memoryCheck.stretches
    for (table, state) in zip(rowParts?.rows.tables ?? [], rowParts?.states ?? []) {
      let range = table.table.range(ofRows: table.owned)
      arrays.append(StateArray(name: "weights", range: range, base: table.values))
      arrays += state.arrays
    }
    for array in arrays where !Kernels.isFinite(array.range.count, array.base) {
      let slot = model.layout.slots.first {
        let shared = $0.range.clamped(to: array.range)
        return !Kernels.isFinite(
          shared.count, array.base + (shared.lowerBound - array.range.lowerBound))
      }
      return "\(array.name) of \(slot?.name ?? "a parameter")"
    }
    return nil
  }
}
