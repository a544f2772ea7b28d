import Configuration
import Exchange
import MPI
import Metrics
import Models
import Tensors

/// The pairs of a split that one rank has seen, to be measured with those of all ranks.
struct PairCollection {
  private let coupling: Coupling
  private let tile: Int
  private var vectors: [Float] = []
  private var identities: [Int64] = []

  /// An empty collection for a model's coupling; nil without one.
  init?(_ model: Model) {
    guard let coupling = model.coupling else { return nil }
    self.coupling = coupling
    tile = model.capacity
  }

  /// Adds the pairs of the model's last pass.
  mutating func add(_ microbatch: Microbatch, _ model: Model) {
    for sample in 0..<microbatch.count {
      guard let pair = model.pair(ofSample: sample) else { continue }
      vectors += UnsafeBufferPointer(start: pair.first, count: coupling.width)
      vectors += UnsafeBufferPointer(start: pair.second, count: coupling.width)
      identities.append(coupling.maskIndex.map { microbatch.integers($0)[sample] } ?? 0)
    }
  }

  /// Measures all pairs of all ranks against each other; collective.
  ///
  /// Every vector looks for its partner among those of the whole split, blocks of a fixed number of pairs
  /// dealt to ranks, so the result is equal to the last bit on any number of ranks. Scores are not
  /// corrected for popularity.
  ///
  /// - Parameters:
  ///   - world: all ranks, which hold consecutive runs of the split in their order.
  ///   - parameters: P values in canonical order.
  /// - Returns: loss and metrics, equal on all ranks.
  /// - Throws: `MPIError` if a message fails.
  func measure(_ world: Communicator, _ parameters: UnsafePointer<Float>) throws -> HeadResult {
    if coupling.objective == .alignment { return result(try alignment(world), []) }
    let batch = try contrast(world)
    let scale = coupling.scale(parameters)
    let tiles = (batch.count + tile - 1) / tile
    var losses: [Double] = []
    var hits: [Int64] = [0, 0, 0, 0]
    for index in (0..<tiles).part(world.rank, of: world.size) {
      let own = index * tile..<min(batch.count, (index + 1) * tile)
      let sums = batch.measure(own, scale: scale, hits: true)
      losses.append(sums.loss)
      for place in hits.indices { hits[place] += Int64(sums.hits[place]) }
    }
    let loss = try world.allGatherVariable(losses).joined().reduce(0, +) / Double(batch.count)
    try hits.withUnsafeMutableBufferPointer { try world.allReduce($0, by: .sum) }
    return result(
      loss,
      zip(CouplingConfiguration.contrastMetrics, hits).map {
        MetricValue(
          name: $0, value: batch.count > 0 ? Double($1) / Double(batch.count) : nil)
      }, hasWeight: batch.count > 0)
  }

  private func result(
    _ loss: Double, _ metrics: [MetricValue], hasWeight: Bool = true
  ) -> HeadResult {
    HeadResult(
      name: CouplingConfiguration.resultName, loss: loss.isFinite ? loss : nil, metrics: metrics,
      hasWeight: hasWeight)
  }

  /// The distance of the covariances of all pairs of all ranks.
  private func alignment(_ world: Communicator) throws -> Double {
    var batch: CovarianceAlignment?
    try gather(world) { count in
      batch = CovarianceAlignment(capacity: count, width: coupling.width)
    } _: { first, second, _ in
      batch?.append(first: first, second: second)
    }
    return batch?.measure() ?? 0
  }

  /// The pairs of all ranks, to be contrasted.
  private func contrast(_ world: Communicator) throws -> ContrastiveBatch {
    var batch = ContrastiveBatch(capacity: 0, width: coupling.width, rows: tile, masks: false)
    try gather(world) { count in
      batch = ContrastiveBatch(
        capacity: count, width: coupling.width, rows: tile, masks: coupling.maskIndex != nil)
    } _: { first, second, identity in
      batch.append(first: first, second: second, identity: identity, correction: 0)
    }
    return batch
  }

  /// Visits the pairs of all ranks in the order of the split, after telling how many there are.
  private func gather(
    _ world: Communicator, begin: (Int) -> Void,
    _ visit: (UnsafePointer<Float>, UnsafePointer<Float>, Int64) -> Void
  ) throws {
    let width = coupling.width
    let vectors = try world.allGatherVariable(vectors)
    let identities = try world.allGatherVariable(identities)
    begin(identities.reduce(0) { $0 + $1.count })
    for (vectors, identities) in zip(vectors, identities) {
      vectors.withUnsafeBufferPointer { values in
        guard let base = values.baseAddress else { return }
        for (index, identity) in identities.enumerated() {
          let first = base + 2 * index * width
          visit(first, first + width, identity)
        }
      }
    }
  }
}
