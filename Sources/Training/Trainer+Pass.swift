import Datasets
import Exchange
import Optimizers
import Parameters
import Tensors

extension Trainer {
  /// Microbatches of one group that this rank computes together, at most.
  var membersPerRank: Int {
    let size = exchange.node.local.size
    return (model.synchronizedGroup + size - 1) / size
  }

  /// Forward and backward of this rank's share.
  func computeMicrobatches(from loader: BatchLoader, step: Int, samples: Int) throws {
    progress.begin(samples: samples)
    if meeting == nil {
      for index in exchange.share { try compute(index, from: loader, step: step) }
    } else {
      try computeGroups(from: loader, step: step)
    }
    table.wishes[exchange.node.seat.place] = stepWish
  }

  /// One microbatch by itself.
  private func compute(_ index: Int, from loader: BatchLoader, step: Int) throws {
    let microbatch = try nextMicrobatch(index, from: loader, step: step)
    clock.enter(.reduce)
    var gradients = try exchange.lendGradients()
    clock.enter(.forward)
    gradients.microbatch = index
    rowParts?.rows.begin(microbatch: index)
    let base = UnsafePointer(gradients.values.base)
    progress.beginPass()
    progress.watch(microbatch, base)
    model.train(
      microbatch, store.base, normalizers: table.normalizers.base, step: step,
      coupled: couplingStep?.gradient(index, store.base),
      carried: carried?.state(ofMicrobatch: index), into: &gradients, observer: progress)
    try progress.end()
    noise.add(
      index,
      microbatchSquaredNorm: optimizer.squaredNorm(base, live: pruner?.mask)
        + (rowParts?.rows.squaredNorm ?? 0))
    let losses = table.losses(of: index)
    for place in 0..<table.lossCount { losses[place] = model.losses[place] }
    spoil(losses)
    examine(microbatch, lane: 0, gradient: base)
    clock.enter(.reduce)
    try exchange.submit(gradients)
    giveBack(microbatch, to: loader)
  }

  /// Gives a microbatch back, the only one of a step when its gradient has been measured.
  private func giveBack(_ microbatch: Microbatch, to loader: BatchLoader) {
    if exchange.deal.microbatches == 1 {
      unmeasured = microbatch
    } else {
      loader.recycle(microbatch)
    }
  }

  /// Names what is not finite in the pass of a step's only microbatch, if this rank computed it.
  ///
  /// Its gradient is where it was; if that is finite, it was damaged on its way.
  func examineOnlyGradient(_ norm: GlobalNorm) {
    guard !norm.isFinite, let unmeasured, evidence.finding == nil,
      let slot = progress.lastNonFinite(of: unmeasured)
    else { return }
    evidence.note("the gradient of \(slot)", in: unmeasured)
    guard let place = model.firstNonFinite(unmeasured, inLane: 0) else { return }
    evidence.note(place.name, place.samples, in: unmeasured)
  }

  /// This rank's members of one group after the other, in lockstep with those of its neighbours.
  private func computeGroups(from loader: BatchLoader, step: Int) throws {
    let size = model.synchronizedGroup
    for index in exchange.share {
      let microbatch = try nextMicrobatch(index, from: loader, step: step)
      members.append(microbatch)
      clock.enter(.reduce)
      var lent = try exchange.lendGradients()
      memberGradients.append(UnsafePointer(lent.values.base))
      model.seat(microbatch, into: &lent, carried: carried?.state(ofMicrobatch: index))
      let next = index + exchange.node.local.size
      let isLast =
        next / size != index / size
        || next >= exchange.deal.runs[exchange.node.seat.node].upperBound
      guard isLast else { continue }
      let first = index / size * size
      try train(first..<min(first + size, exchange.deal.microbatches), step)
      for member in members { giveBack(member, to: loader) }
      members.removeAll(keepingCapacity: true)
      memberGradients.removeAll(keepingCapacity: true)
    }
  }

  /// The pass of a group, of which this rank has seated ``members``.
  private func train(_ group: Range<Int>, _ step: Int) throws {
    clock.enter(.forward)
    meeting?.begin(group)
    progress.beginPass()
    for (lane, gradient) in memberGradients.enumerated() { progress.watch(members[lane], gradient) }
    model.train(
      groupOf: group.count, store.base, normalizers: table.normalizers.base, step: step,
      meeting: members.count < group.count ? meeting : nil, observer: progress)
    try meeting?.end()
    try progress.end()
    for (lane, microbatch) in members.enumerated() {
      noise.add(
        microbatch.index,
        microbatchSquaredNorm: optimizer.squaredNorm(memberGradients[lane], live: pruner?.mask))
      let losses = table.losses(of: microbatch.index)
      for place in 0..<table.lossCount { losses[place] = model.losses(ofLane: lane)[place] }
      spoil(losses)
      examine(microbatch, lane: lane, gradient: memberGradients[lane])
    }
    clock.enter(.reduce)
    for _ in members { try exchange.submitNext() }
  }

  /// The next microbatch of this rank, whether it has been read for its ids or not.
  func nextMicrobatch(
    _ index: Int, from loader: BatchLoader, step: Int
  ) throws -> Microbatch {
    try held.isEmpty ? readMicrobatch(index, from: loader, step: step) : held.removeFirst()
  }

  /// Waits for the loader's next microbatch.
  func readMicrobatch(
    _ index: Int, from loader: BatchLoader, step: Int
  ) throws -> Microbatch {
    clock.enter(.input, microbatch: index)
    guard let microbatch = try loader.next() else {
      throw TrainingError(.failure, "the input ended before step \(step); this is a defect")
    }
    precondition(microbatch.index == index && microbatch.step == step, "input out of order")
    try refuseWrongLabels(microbatch)
    spoil(microbatch)
    return microbatch
  }
}
