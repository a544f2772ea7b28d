import MPI
import Parameters
import Pruning
import Reports

extension RunPruner {
  /// Finds the sparsity, makes the new run, and draws what was tried; collective.
  ///
  /// - Parameters:
  ///   - observer: told how a training of the new run gets on.
  ///   - told: told of every try when it is done.
  /// - Returns: the outcome; nil where training was asked to stop before its end, to be run again.
  /// - Throws: `PruningError` for a size or budget that cannot be reached, ``TrainingError``, or the errors of
  ///   the rooms.
  public func run(
    observer: (any TrainingObserver)?, told: (PruneTry) -> Void
  ) throws -> PruneOutcome? {
    let before = try attempt(nil)
    told(before)
    var tries: [PruneTry] = []
    let chosen: Int
    switch options.target {
    case .sparsity(let sparsity): (tries, chosen) = ([try attempt(sparsity)], 0)
    case .pattern: (tries, chosen) = ([try attempt(plan.pattern.sparsity ?? 0)], 0)
    case .size(let bytes): (tries, chosen) = ([try attempt(try sparsity(within: bytes))], 0)
    case .budget(let points):
      guard let found = try search(points, before, into: &tries, told) else { return nil }
      chosen = found
    }
    guard let made = try make(tries[chosen].target ?? 0, observer) else { return nil }
    if let tuned = made.metric { tries[chosen].tuned = tuned }
    if case .budget = options.target {} else { told(tries[0]) }
    let zeros = try choose(tries[chosen].target)
    let outcome = PruneOutcome(
      source: trained.configuration.name, step: trained.step,
      tensors: zip(plan.tensors, zeros).map {
        PruneOutcome.Tensor(name: $0.name, weights: $0.range.count, zeros: $1)
      }, metric: metric, batch: min(trained.model.capacity, trained.split.count), before: before,
      tries: tries, chosen: chosen)
    try keep(outcome)
    return outcome
  }

  /// The smallest sparsity at which the exported file fits.
  private func sparsity(within bytes: Int) throws -> Double {
    let range = plan.sparsities(in: trained.store)
    let count = Double(plan.counted.plan.count)
    var least = Int((range.lowerBound * count).rounded(.up))
    var most = Int((range.upperBound * count).rounded(.down))
    func size(_ zeros: Int) throws -> Int {
      _ = try choose(Double(zeros) / count)
      return fileBytes(nil)
    }
    let (largest, smallest) = (try size(least), try size(most))
    guard smallest <= bytes else {
      throw try together(
        PruningError(
          .impossibleTarget,
          "\(bytes) bytes cannot be reached: with sparsity \(range.upperBound), the most that keepAtLeast allows, "
            + "the file still takes \(smallest); prune more tensors, or a smaller network"))
    }
    guard largest > bytes else {
      throw try together(
        PruningError(
          .impossibleTarget,
          "the file takes \(largest) bytes as it is, so there is nothing to prune for \(bytes); ask for fewer"
        ))
    }
    while most - least > 1 {
      let middle = least + (most - least) / 2
      if try size(middle) <= bytes { most = middle } else { least = middle }
    }
    return Double(most) / count
  }

  /// Halves the range of sparsities again and again, by the logarithm of what stays.
  ///
  /// - Returns: the largest sparsity tried that keeps the budget; nil where training was asked to stop.
  private func search(
    _ points: Double, _ before: PruneTry, into tries: inout [PruneTry], _ told: (PruneTry) -> Void
  ) throws -> Int? {
    guard let metric, let base = before.metric, base.isFinite else {
      throw try together(
        TrainingError(
          .badData,
          "\(metric ?? "the metric") of the run itself is undefined on the validation split"
        ))
    }
    let range = plan.sparsities(in: trained.store)
    var (dense, sparse) = (1 - range.lowerBound, 1 - range.upperBound)
    let isHigherBetter = Trainer.improvement(of: metric) == .higher
    var found: Int?
    for _ in 0..<options.tries {
      let share = (dense * sparse).squareRoot()
      var attempt = try attempt(1 - share)
      if options.fineTuning > 0 {
        guard let made = try train(at: 1 - share, into: tryFolder(1 - share), nil) else {
          return nil
        }
        attempt.tuned = made.metric
      }
      tries.append(attempt)
      told(attempt)
      let value = options.fineTuning > 0 ? attempt.tuned : attempt.metric
      let loss = value.map { isHigherBetter ? base - $0 : $0 - base } ?? .infinity
      // Metrics are ratios of whole numbers: what rounding adds is far below any difference of two.
      if loss <= points / 100 + 1e-9 {
        (dense, found) = (share, tries.count - 1)
      } else {
        sparse = share
      }
    }
    if let found { return found }
    try removeTries()
    let least = tries.min { $0.sparsity < $1.sparsity }
    throw try together(
      PruningError(
        .impossibleTarget,
        "no sparsity that was tried keeps \(metric) within \(points) points of \(base): even \(least?.sparsity ?? 0) "
          + "leaves \((least?.tuned ?? least?.metric).map { "\($0)" } ?? "nothing"); allow more points, fine-tune for "
          + "more steps, or try oftener (--tries)"))
  }
}

extension PruningPlan {
  /// Of what is counted, how much of every tensor is zero, with either sign.
  private func present(in store: ParameterStore) -> [Int] {
    guard case .block = pattern else { return presentZeros(in: store) }
    return grids.map { $0.zeroCount(in: store.base) }
  }

  /// From what is zero already to the most that tensors may lose, as sparsities that every group can have.
  func sparsities(in store: ParameterStore) -> ClosedRange<Double> {
    let (plan, present) = (counted.plan, present(in: store))
    var (low, high) = (0.0, 1.0)
    for group in 0..<plan.groupCount {
      let members = plan.tensors.indices.filter { plan.tensors[$0].group == group }
      let count = Double(members.reduce(0) { $0 + plan.tensors[$1].range.count })
      let most = members.reduce(0) { $0 + plan.tensors[$1].range.count - plan.tensors[$1].least }
      low = max(low, Double(members.reduce(0) { $0 + present[$1] }) / count)
      high = min(high, Double(most) / count)
    }
    return low...max(low, high)
  }

  /// Refuses a sparsity with fewer zeros than there are.
  func refuseFewer(than sparsity: Double, in store: ParameterStore) throws {
    let ((plan, noun), present) = (counted, present(in: store))
    for group in 0..<plan.groupCount {
      let members = plan.tensors.indices.filter { plan.tensors[$0].group == group }
      let count = members.reduce(0) { $0 + plan.tensors[$1].range.count }
      let zeros = members.reduce(0) { $0 + present[$1] }
      let wanted = plan.zeros(ofGroup: group, at: sparsity)
      guard wanted < zeros else { continue }
      let place = members.count == 1 ? " of \(plan.tensors[members[0]].name)" : ""
      throw PruningError(
        .impossibleTarget,
        "sparsity \(sparsity) means \(wanted) zeros, but \(zeros) of the \(count) \(noun)\(place) are zero "
          + "already, and pruning brings none back; ask for \(Double(zeros) / Double(count)) or more"
      )
    }
  }
}
