import Models

/// Counts the training samples of an epoch whose ids need more steps than there are, per head.
///
/// A model counts on, over all passes of this start on this rank. Here is what to take off, and what came before.
struct InfeasibleCount {
  /// The model's counts when the epoch began, or this start within it.
  private var origin: [Int] = []
  /// What a checkpoint within the epoch knew, over all ranks.
  private var earlier: [Int] = []

  /// Samples of the epoch so far that this rank has counted in this start.
  func counted(by model: Model) -> [Int] {
    model.heads.indices.map { head in
      model.infeasibleSequences(ofHead: head).inTraining - (origin.isEmpty ? 0 : origin[head])
    }
  }

  /// Samples of the epoch so far, from those of this start over all ranks.
  func whole(_ ofThisStart: [Int]) -> [Int] {
    earlier.isEmpty ? ofThisStart : zip(earlier, ofThisStart).map { $0 + $1 }
  }

  /// Begins an epoch, or goes on within one from what a checkpoint knew.
  mutating func begin(with earlier: [Int]?, _ model: Model) {
    origin = model.heads.indices.map { model.infeasibleSequences(ofHead: $0).inTraining }
    self.earlier = earlier ?? []
  }

  /// Takes back what was counted since `before`, as if those passes had not been.
  mutating func forget(since before: [Int], by model: Model) {
    let now = counted(by: model)
    if origin.isEmpty { origin = model.heads.indices.map { _ in 0 } }
    for head in origin.indices { origin[head] += now[head] - before[head] }
  }
}
