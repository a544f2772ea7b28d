import Configuration

extension PruningPlan {
  /// Refuses a sparsity at which tensors would fall below what they keep.
  ///
  /// - Throws: ``PruningError`` telling the largest sparsity there can be.
  public func check(finalSparsity: Double) throws {
    let (units, noun) = counted
    try units.checkCounts(finalSparsity, noun)
    guard case .group(let keep, let of) = pattern else { return }
    for (tensor, grid) in zip(tensors, grids) {
      let left = tensor.range.count - grid.zeros(keeping: keep)
      guard left < tensor.least else { continue }
      throw PruningError(
        .impossibleTarget,
        "pruning: \(keep) of \(of) leaves \(left) weights of \(tensor.name), but keepAtLeast \(tensor.least); lower "
          + "it")
    }
  }

  /// What is counted when a sparsity is reached: weights, or blocks as if they were weights, with their name; nothing
  /// with groups, which keep what they keep.
  public var counted: (plan: PruningPlan, noun: String) {
    switch pattern {
    case .single: (self, "weights")
    case .block: (rectangles, "blocks")
    case .group: (PruningPlan([], groupCount: 0), "weights")
    }
  }

  /// The plan of what becomes zero together, as if each were one weight.
  var rectangles: PruningPlan {
    var next = 0
    let units = zip(tensors, grids).map { tensor, grid in
      defer { next += grid.count }
      return Tensor(
        name: tensor.name, range: next..<next + grid.count,
        least: (tensor.least * grid.count + tensor.range.count - 1) / tensor.range.count,
        group: tensor.group)
    }
    return PruningPlan(units, groupCount: groupCount)
  }

  private func checkCounts(_ finalSparsity: Double, _ noun: String) throws {
    for group in 0..<groupCount {
      let members = tensors(ofGroup: group)
      let count = members.reduce(0) { $0 + $1.range.count }
      let most = members.reduce(0) { $0 + $1.range.count - $1.least }
      let wanted = zeros(ofGroup: group, at: finalSparsity)
      guard wanted > most else { continue }
      let place = members.count == 1 ? " of \(members[0].name)" : ""
      throw PruningError(
        .impossibleTarget,
        "pruning: sparsity \(finalSparsity) asks for \(wanted) zeros among \(count) \(noun)\(place), but "
          + "keepAtLeast leaves \(most) at most (sparsity \(Double(most) / Double(count))); lower one of "
          + "them")
    }
  }
}
