import Configuration
import Foundation
import MPI
import Models
import Optimizers
import Parameters

extension Trainer {
  /// Computes a step again from the same weights and samples, and ends the run where a rank finds other bits.
  ///
  /// The same bits again mean that data or the model are to blame. Other bits mean that a machine is: its
  /// memory or a processor. Compared are the gradient and the losses of every microbatch on the rank that
  /// computed it, then the sums of all.
  ///
  /// - Parameters:
  ///   - record: what the step came to first.
  ///   - problem: what was wrong with it.
  /// - Throws: ``TrainingError`` with status `failure` naming rank and host, or what the rooms throw.
  func requireSameAgain(_ record: StepRecord, _ problem: String) throws {
    let first = evidence
    let norms = (0..<optimizer.pieceCount).map { table.gradientNorms[$0].bitPattern }
    observer?.noted(problem + "; the step is computed again")
    let loader = makeLoader(from: state.step)
    defer { loader.stop() }
    let counted = infeasible.counted(by: model)
    let second = try reduceStep(from: loader).record
    infeasible.forget(since: counted, by: model)
    try exchange.finish(updated: false)

    let mine = Difference(
      host: world.hostName,
      microbatches: first.sums.keys.sorted().filter { first.sums[$0] != evidence.sums[$0] },
      sum: ownedPieces.first { norms[$0] != table.gradientNorms[$0].bitPattern }
        .map(optimizer.name))
    let all = try world.allGatherBytes(Array(try JSONEncoder().encode(mine))).map {
      try JSONDecoder().decode(Difference.self, from: Data($0))
    }
    guard let found = Self.verdict(all, record, second) else { return }
    try failTogether(
      .failure,
      problem
        + "; computed again it differs: \(found): memory or a processor there is faulty; go on from "
        + "the last checkpoint without it")
  }

  /// What one rank found different the second time.
  private struct Difference: Codable {
    let host: String
    let microbatches: [Int]
    let sum: String?
  }

  /// Which rank is to blame; microbatches come before the sums that contain them.
  private static func verdict(
    _ all: [Difference], _ first: StepRecord, _ second: StepRecord
  ) -> String? {
    if let rank = all.firstIndex(where: { !$0.microbatches.isEmpty }) {
      let numbers = all[rank].microbatches.map { "\($0 + 1)" }.joined(separator: ", ")
      return "rank \(rank) on \(all[rank].host) found other bits in microbatch \(numbers)"
    }
    if let rank = all.firstIndex(where: { $0.sum != nil }) {
      return "rank \(rank) on \(all[rank].host) found other bits in the sum of the gradients of "
        + "\(all[rank].sum ?? ""), while all microbatches are the same"
    }
    return first.loss.bitPattern == second.loss.bitPattern
      ? nil
      : "a rank found other bits in the sum of the losses, while all microbatches are the same"
  }

  /// The pieces whose sums this rank writes.
  private var ownedPieces: [Int] {
    let blocks = exchange.owned.runs.flatMap { Array(optimizer.pieces(ofBlocks: $0)) }
    let rows = (rowParts?.rows.tables ?? []).flatMap {
      Array(optimizer.pieces(ofRows: $0.owned, of: $0.table))
    }
    return blocks + rows
  }
}
