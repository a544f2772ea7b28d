import Buffers
import Configuration
import MPI
import Parameters
import Tensors

/// Matrix factorisation by alternating least squares.
///
/// Explicit values (Zhou et al. 2008): `r ≈ μ + b_u + b_i + p_u · q_i`, least squares with λ, per row λ times
/// its number of values where weighted. μ is the mean of the values. A half-sweep solves for every
/// `(p_u, b_u)` with the items held, the next for every `(q_i, b_i)`: a bias is one more coordinate.
///
/// Implicit (Hu, Koren and Volinsky 2008): "interacted" is 1 with weight 1 + α r, every other pair is 0
/// with weight 1; values of a pair that occurs several times are added. The sum over all pairs is `Σ q qᵀ` of all items plus what the row's own items add.
///
/// Factors are stored in Float32; sums and solutions are Float64. A row without values has a vector and
/// bias of zero, so its terms drop out of a prediction. Rows of users and of items are shared over the
/// ranks; after each half-sweep the new factors are joined, and every rank has them all.
///
/// - Cost: a half-sweep takes `S k² + rows k³ / 3` operations over all ranks and brings `4 rows (k + 1)` bytes
///   to each; a rank holds `4 (U + I)(k + 1)` bytes of factors and about `16 S / R` of values.
public final class AlternatingLeastSquares: CountedModel {
  /// The mean, vectors and biases, as ``layout(_:users:items:)`` has them.
  public let store: ParameterStore
  /// The mean squared error over the training interactions; of implicit ones the weighted one over all pairs.
  public private(set) var loss = 0.0
  /// Users, items, and the loss.
  public var phases: Int { 3 }

  let settings: FactorizationConfiguration
  private let seed: UInt64
  private let rank: Int
  private let ranks: Int
  private let users: FactorSide
  private let items: FactorSide
  private let values: Int
  private let mean: Double
  private let row: LeastSquaresRow
  private let gram: GramMatrix?
  private let errors: HostBuffer<Double>

  /// Interactions in the order of the file: a user, an item, a value.
  public typealias Visit = (_ user: Int, _ item: Int, _ value: Float) -> Void

  /// Reads this rank's share of the interactions.
  ///
  /// - Parameters:
  ///   - settings: the method.
  ///   - seed: keys the items' initial vectors.
  ///   - users: U.
  ///   - items: I.
  ///   - rank: this rank.
  ///   - ranks: R.
  ///   - forEach: visits all interactions in order; called twice, ids in `0 ..< users` and
  ///     `0 ..< items`.
  /// - Throws: what `forEach` throws, or ``CountedModelError`` without interactions, or for values that are
  ///   negative where they are weights.
  public init(
    _ settings: FactorizationConfiguration, seed: UInt64, users: Int, items: Int, rank: Int,
    of ranks: Int, forEach: (Visit) throws -> Void
  ) throws {
    (self.settings, self.seed, self.rank, self.ranks) = (settings, seed, rank, ranks)
    let census = try Census(users: users, items: items, forEach: forEach)
    try census.check(settings)
    (values, mean) = (census.count, settings.isExplicit ? census.sum / Double(census.count) : 0)
    store = ParameterStore(Self.layout(settings, users: users, items: items))
    let cost = settings.factors
    let byUser = Incidence(degrees: census.ofUsers, rowCost: cost, rank: rank, of: ranks)
    let byItem = Incidence(degrees: census.ofItems, rowCost: cost, rank: rank, of: ranks)
    try forEach { user, item, value in
      byUser.add(row: user, partner: item, value: value)
      byItem.add(row: item, partner: user, value: value)
    }
    if !settings.isExplicit {
      byUser.mergeRepeated(partners: items)
      byItem.mergeRepeated(partners: users)
    }
    self.users = FactorSide("users", in: store, byUser)
    self.items = FactorSide("items", in: store, byItem)
    row = LeastSquaresRow(width: settings.factors + (self.users.biases == nil ? 0 : 1))
    gram = settings.isExplicit ? nil : GramMatrix(factors: settings.factors)
    errors = HostBuffer(count: users)
  }

  /// The parameters of a factorization of U users and I items, in canonical order.
  public static func layout(
    _ settings: FactorizationConfiguration, users: Int, items: Int
  ) -> ParameterLayout {
    var layout = ParameterLayout()
    var biases = false
    if case .als(true, _, _) = settings.method { biases = true }
    FactorSide.reserve(
      "users", count: users, factors: settings.factors, biases: biases, deviation: nil,
      in: &layout)
    FactorSide.reserve(
      "items", count: items, factors: settings.factors, biases: biases,
      deviation: Float(settings.deviation), in: &layout)
    if settings.isExplicit { _ = layout.reserve("mean", [1], initializer: .constant(0)) }
    return layout
  }

  /// Gives the items' vectors their first values, all else but the mean zeros.
  public func initialize() {
    store.all.update(repeating: 0)
    if let slot = store.layout["mean"] { store.base[slot.offset] = Float(mean) }
    guard let slot = store.layout["items.factors"] else { return }
    let random = CounterRandom(seed: seed, purpose: .initialization, stream: pathHash(slot.name))
    let values = store[slot]
    for index in values.indices {
      values[index] = Float(settings.deviation) * random.normal(at: index)
    }
  }

  /// Adds up `Σ x xᵀ` over this rank's blocks of the side that is held; nothing for explicit values.
  public func accumulate(phase: Int) {
    gram?.accumulate(phase == 1 ? users : items, rank: rank, of: ranks)
  }

  /// Joins the blocks of all ranks.
  ///
  /// - Throws: `MPIError`.
  public func reduce(phase: Int, _ world: Communicator) throws {
    guard let gram else { return }
    try gram.reduce(world)
    gram.combine()
  }

  /// Solves for this rank's rows and joins those of all, or measures the loss.
  ///
  /// - Throws: `MPIError`, or ``CountedModelError`` where a row has no one solution.
  public func update(phase: Int, _ world: Communicator) throws {
    switch phase {
    case 0:
      try world.agree { try solve(users, given: items) }
      try publish(users, world)
    case 1:
      try world.agree { try solve(items, given: users) }
      try publish(items, world)
    default:
      for user in users.incidence.rows { errors.base[user] = error(ofUser: user) }
      try world.joinInPlace(errors.all, counts: users.incidence.parts.map(\.count))
      let pairs = settings.isExplicit ? Double(values) : Double(users.count) * Double(items.count)
      loss = errors.all.reduce(0, +) / pairs
    }
  }

  /// Brings every rank's new rows to all.
  private func publish(_ side: FactorSide, _ world: Communicator) throws {
    let parts = side.incidence.parts
    let vectors = UnsafeMutableBufferPointer(
      start: side.vectors, count: side.count * side.factors)
    try world.joinInPlace(vectors, counts: parts.map { $0.count * side.factors })
    guard let biases = side.biases else { return }
    try world.joinInPlace(
      UnsafeMutableBufferPointer(start: biases, count: side.count), counts: parts.map(\.count))
  }

  /// Solves for this rank's rows of a side with the other side held.
  private func solve(_ side: FactorSide, given other: FactorSide) throws {
    for index in side.incidence.rows {
      let count = side.incidence.partners(of: index).count
      let vector = side.vectors + index * side.factors
      guard count > 0 else {
        vector.update(repeating: 0, count: side.factors)
        side.biases?[index] = 0
        continue
      }
      gather(side, index, given: other)
      let (penalty, biasPenalty) = settings.penalties(values: count)
      guard
        let solution = row.solve(
          factors: side.factors, penalty: penalty, biasPenalty: biasPenalty)
      else {
        throw CountedModelError(
          .singular,
          "row \(index) of \(side.name) has no one solution: its \(count) values do not fix "
            + "\(row.width) numbers; expected a larger factorization.\(settings.method.keyword)."
            + "regularization, found \(settings.regularization)")
      }
      for factor in 0..<side.factors { vector[factor] = Float(solution[factor]) }
      side.biases?[index] = Float(solution[side.factors])
    }
  }

  /// The normal equations of one row, without the penalty.
  private func gather(_ side: FactorSide, _ index: Int, given other: FactorSide) {
    let partners = side.incidence.partners(of: index)
    let values = side.incidence.values(of: index)
    if case .implicitALS(let alpha) = settings.method, let gram {
      row.begin(with: UnsafePointer(gram.total.base))
      for (place, partner) in partners.enumerated() {
        let extra = alpha * Double(values[place])
        row.add(
          other.vectors + Int(partner) * other.factors, factors: other.factors,
          scale: extra.squareRoot(), target: values[place] > 0 ? 1 + extra : 0)
      }
      return
    }
    row.begin(with: nil)
    for (place, partner) in partners.enumerated() {
      let bias = other.biases.map { Double($0[Int(partner)]) } ?? 0
      row.add(
        other.vectors + Int(partner) * other.factors, factors: other.factors, scale: 1,
        target: Double(values[place]) - mean - bias)
    }
  }

  /// What the minimised sum holds of one user's pairs, without the penalty.
  private func error(ofUser user: Int) -> Double {
    let partners = users.incidence.partners(of: user)
    let values = users.incidence.values(of: user)
    let vector = users.vectors + user * users.factors
    var sum = gram.map { quadraticForm(vector, $0.total.base) } ?? 0
    for (place, partner) in partners.enumerated() {
      let item = Int(partner)
      var score = dot(vector, items.vectors + item * items.factors)
      if case .implicitALS(let alpha) = settings.method {
        guard values[place] > 0 else { continue }
        let weight = 1 + alpha * Double(values[place])
        sum += weight * (1 - score) * (1 - score) - score * score
        continue
      }
      if let ofUsers = users.biases, let ofItems = items.biases {
        score += Double(ofUsers[user]) + Double(ofItems[item])
      }
      let error = Double(values[place]) - mean - score
      sum += error * error
    }
    return sum
  }

  private func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>) -> Double {
    var sum = 0.0
    for index in 0..<settings.factors { sum += Double(a[index]) * Double(b[index]) }
    return sum
  }

  /// `xᵀ G x` from the lower triangle of G.
  private func quadraticForm(_ x: UnsafePointer<Float>, _ g: UnsafePointer<Double>) -> Double {
    let size = settings.factors
    var sum = 0.0
    for row in 0..<size {
      var below = 0.0
      for column in 0..<row { below += g[row * size + column] * Double(x[column]) }
      sum += Double(x[row]) * (2 * below + g[row * size + row] * Double(x[row]))
    }
    return sum
  }
}

extension FactorizationConfiguration {
  /// Whether values are predicted.
  var isExplicit: Bool {
    if case .als = method { return true }
    return false
  }

  /// What is added on the diagonal for a vector and for a bias.
  fileprivate func penalties(values: Int) -> (vector: Double, bias: Double) {
    guard case .als(_, let weighted, let biasRegularization) = method else {
      return (regularization, 0)
    }
    let factor = weighted ? Double(values) : 1
    return (regularization * factor, biasRegularization * factor)
  }
}
