import Datasets
import MPI
import Models
import Parameters

/// Says what the groups of a network are worth, equally on all ranks.
struct UnitScoring {
  /// All ranks.
  let world: Communicator
  /// The options.
  let options: ShrinkOptions
  /// The data and the compiled network.
  let setUp: TrainingSetUp

  private var model: Model { setUp.model }

  /// The scores of all groups.
  ///
  /// - Parameter weights: P scalars.
  /// - Returns: by the unit that stands for a group.
  /// - Throws: ``TrainingError`` where the score does not fit the network, or what reading throws.
  func scores(_ weights: [Float]) throws -> [Double] {
    switch options.score {
    case .l2:
      let members = UnitMembers(model.units, model.layout)
      return members.scores(norms(members, weights), units: model.units.count)
    case .scale:
      let names = model.layers.filter { $0.kind == "batchNorm" }.map { "\($0.path).weight" }
      let members = UnitMembers(model.units, model.layout, names: Set(names))
      guard members.count > 0 else {
        throw TrainingError(
          .usage,
          "--score scale expected a batch norm behind what is removed, found none; use l2 or taylor"
        )
      }
      let found = members.scores(norms(members, weights), units: model.units.count)
      let known = Set(members.groups)
      // What has no batch norm is not known to be worth nothing.
      return found.enumerated().map { known.contains($0) ? $1 : .infinity }
    case .taylor:
      let members = UnitMembers(model.units, model.layout)
      let sums = try gradientSums(members, weights)
      return members.scores(sums.map(abs), units: model.units.count)
    }
  }

  private func norms(_ members: UnitMembers, _ weights: [Float]) -> [Double] {
    var sums = [Double](repeating: 0, count: members.count)
    weights.withUnsafeBufferPointer { values in
      guard let base = values.baseAddress else { return }
      members.addProducts(base, base, to: &sums)
    }
    return sums.map { $0.squareRoot() }
  }

  /// Σ w · ∂L/∂w of each member, for the sum of the mean losses of some microbatches.
  ///
  /// Every microbatch has a row that one rank writes and the others leave at 0, and the rows are added in their order: so the
  /// result depends on no rank.
  private func gradientSums(_ members: UnitMembers, _ weights: [Float]) throws -> [Double] {
    try refuse()
    let plan = setUp.plan
    var wanted: [BatchRequest] = []
    for step in 0..<plan.stepsPerEpoch where wanted.count < options.microbatches {
      for index in 0..<plan.microbatchCount(ofStep: step) where wanted.count < options.microbatches
      {
        wanted.append(
          BatchRequest(
            index: wanted.count, step: step, epoch: 0,
            positions: plan.positions(step: step, microbatch: index)))
      }
    }
    var rows = [Double](repeating: 0, count: wanted.count * members.count)
    let own = wanted.filter { $0.index % world.size == world.rank }
    try world.agree { try addRows(own, members, weights, to: &rows) }
    try world.allReduce(&rows, by: .sum)
    var sums = [Double](repeating: 0, count: members.count)
    for place in rows.indices { sums[place % members.count] += rows[place] }
    return sums
  }

  private func addRows(
    _ requests: [BatchRequest], _ members: UnitMembers, _ weights: [Float],
    to rows: inout [Double]
  ) throws {
    let loader = BatchLoader(
      setUp.training, capacity: model.capacity, depth: setUp.configuration.data.prefetch)
    loader.start(order: setUp.sampler) { $0 < requests.count ? requests[$0] : nil }
    defer { loader.stop() }
    var gradients = LocalGradients(model.layout)
    while let microbatch = try loader.next() {
      if let wrong = model.labelOutOfRange(microbatch) {
        throw TrainingError(.badData, "\(wrong); correct the data")
      }
      let step = wantedStep(microbatch.index, requests)
      let normalizers = model.heads.indices.map {
        max(1, model.normalizerContribution(head: $0, microbatch, step: step))
      }
      var sums = [Double](repeating: 0, count: members.count)
      weights.withUnsafeBufferPointer { values in
        guard let base = values.baseAddress else { return }
        model.train(
          microbatch, base, normalizers: normalizers, step: step, into: &gradients)
        members.addProducts(base, gradients.values.base, to: &sums)
      }
      let first = microbatch.index * members.count
      for (place, sum) in sums.enumerated() { rows[first + place] = sum }
      loader.recycle(microbatch)
    }
  }

  private func wantedStep(_ index: Int, _ requests: [BatchRequest]) -> Int {
    requests.first { $0.index == index }?.step ?? 0
  }

  /// Refuses networks whose microbatches have no gradient of their own.
  private func refuse() throws {
    guard model.synchronizedGroup == 1, model.coupling == nil,
      model.heads.allSatisfy({ !$0.loss.comparesNegatives })
    else {
      throw TrainingError(
        .usage,
        "--score taylor expected losses of single samples, found a coupling, a batch norm with sync, or "
          + "the loss bpr; use l2")
    }
  }
}
