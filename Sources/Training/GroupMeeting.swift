import Exchange
import Models

/// The meeting of a group's members as a model asks for it, in the node's shared memory.
final class GroupMeeting: StatisticMeeting {
  private let table: GroupTable
  private var members = 0..<0
  /// What went wrong at a meeting; thrown when the pass is over.
  private var failure: (any Error)?

  /// Collective on the node; nil where the model's batch norms are not synchronised.
  init?(_ exchange: Exchange, _ setUp: TrainingSetUp) throws {
    let model = setUp.model
    guard model.synchronizedGroup > 1 else { return nil }
    let size = exchange.node.local.size
    model.reserveLanes((model.synchronizedGroup + size - 1) / size)
    table = try GroupTable(
      exchange, microbatches: setUp.plan.microbatchCount(ofStep: 0),
      width: model.largestSynchronizedWidth, points: model.synchronizationPoints)
  }

  /// Begins the pass of a group.
  func begin(_ members: Range<Int>) { self.members = members }

  /// Throws what went wrong during the pass.
  func end() throws {
    if let failure { throw failure }
  }

  func meet(point: Int, width: Int, rows: UnsafeMutablePointer<Double>) {
    guard failure == nil else { return }
    do {
      try table.meet(members, point: point, width: width, rows: rows)
    } catch {
      failure = error
    }
  }
}
