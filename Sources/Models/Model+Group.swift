import Parameters
import Tensors

extension Model {
  /// Gives a microbatch a lane in the next ``train(groupOf:_:normalizers:step:meeting:observer:)``.
  ///
  /// A model whose batch norms are synchronised (``synchronizedGroup`` G above 1) computes the
  /// microbatches `kG ..< (k + 1)G` of a step together. Each rank seats those that it computes, in
  /// the order of their indices, and trains them in one pass.
  ///
  /// - Parameters:
  ///   - microbatch: 1 to N samples whose integers are in range (see ``labelOutOfRange(_:)``); its
  ///     `index` is its place in the step.
  ///   - gradients: where its gradient goes; must not be freed, nor the microbatch be refilled,
  ///     before the pass is over.
  ///   - carried: the recurrent states of its samples, if any are carried; must not be freed either.
  /// - Returns: the lane, from 0.
  @discardableResult
  public func seat(
    _ microbatch: Microbatch, into gradients: inout LocalGradients, carried: CarriedState? = nil
  ) -> Int {
    precondition(gradients.values.count == layout.count, "gradients of another layout")
    precondition(seated < lanes.count, "all \(lanes.count) lanes are taken; reserve more")
    check(microbatch)
    lanes[seated].microbatch = microbatch
    lanes[seated].gradients = gradients.values.base
    lanes[seated].carried = carried
    gradients.microbatch = microbatch.index
    seated += 1
    return seated - 1
  }

  /// Trains the seated microbatches in lockstep, layer by layer, and empties their seats.
  ///
  /// Every slot of each one's gradients is overwritten, as by
  /// ``train(_:_:normalizers:step:into:observer:)``; but synchronised batch norms normalise by the
  /// statistics of the whole group, and their statistic slots get n times the group's value, the
  /// variance unbiased over the group, with the microbatch's own n. The bits depend on the group
  /// alone, and not on who computes which member.
  ///
  /// - Parameters:
  ///   - members: g, members of the group on all ranks: G, or fewer in the last group of a step.
  ///   - parameters: P scalars in canonical order.
  ///   - normalizers: per head, the divisor of its loss over the whole global batch; then, where heads learn from
  ///     teachers, per head that of its soft term; then one per hint.
  ///   - step: the optimizer step, which keys dropout.
  ///   - coupled: what the contrast over the global batch says to the only member's pairs.
  ///   - meeting: where members on other ranks are met; nil when all g are seated here.
  ///   - observer: is told how far the pass has come; gradients are final in all lanes at a time.
  public func train(
    groupOf members: Int, _ parameters: UnsafePointer<Float>,
    normalizers: UnsafePointer<Double>, step: Int, coupled: CouplingGradient? = nil,
    meeting: (any StatisticMeeting)? = nil, observer: (any PassObserver)? = nil
  ) {
    precondition(purpose == .training, "a model that was compiled for evaluation alone")
    let group = gather(members, parameters, step: step, meeting: meeting, observer: observer)
    forward(group)
    // The way back is the reverse of the way there, so that finished slots form one run.
    for index in hintBranches.indices.reversed() {
      let (branch, place) = (hintBranches[index], 2 * branches.count + index)
      observer?.backward(layer: branch.index)
      for (lane, pass) in group.passes.enumerated() {
        lanes[lane].losses[place] = branch.train(pass, normalizer: normalizers[place])
      }
      branch.point.port.add(branch.gradient, group)
      if branch.weight > 0 { observer?.gradientsFinal(from: branch.weight) }
    }
    for index in branches.indices.reversed() {
      let branch = branches[index]
      precondition(branch.loss != nil, "training needs the target of every head")
      if let last = branch.chain.last { observer?.backward(layer: last) }
      // Loss and way back head by head: heads share the memory of their gradients.
      for (lane, pass) in group.passes.enumerated() {
        let sums = branch.train(
          pass, normalizer: normalizers[index],
          softNormalizer: normalizers[branches.count + index])
        lanes[lane].losses[index] = sums.own
        lanes[lane].losses[branches.count + index] = sums.soft
      }
      branch.backward(group)
    }
    precondition((coupled == nil) == (coupling == nil), "a coupling trains by its own gradient")
    if let coupled { couplingBranch?.backward(group, coupled) }
    fusion.backward(group)
    observer?.gradientsFinal(from: 0)
  }

  /// Turns the seated microbatches into a group.
  private func gather(
    _ members: Int, _ parameters: UnsafePointer<Float>, step: Int,
    meeting: (any StatisticMeeting)?, observer: (any PassObserver)?
  ) -> Group {
    precondition(
      members >= 1 && members <= synchronizedGroup && seated >= 1 && seated <= members,
      "\(seated) of \(members) members are seated in a model for groups of \(synchronizedGroup)")
    precondition(meeting != nil || seated == members, "members on other ranks need a meeting")
    for index in 0..<seated {
      let lane = lanes[index]
      guard let microbatch = lane.microbatch else { preconditionFailure("lane \(index) is empty") }
      lane.microbatch = nil
      passes[index] = pass(
        microbatch, in: lane, parameters, gradients: lane.gradients, carried: lane.carried,
        training: true, step: step)
      let isInOrder = index == 0 || passes[index].member > passes[index - 1].member
      precondition(
        isInOrder && passes[index].member < members, "microbatches of one group, in order")
    }
    defer { seated = 0 }
    return group(of: members, lanes: seated, meeting: meeting, observer: observer)
  }
}
