import Parameters

/// One side of a factorization: the users or the items.
struct FactorSide {
  /// `users` or `items`.
  let name: String
  /// Rows of all ranks.
  let count: Int
  /// k: length of a row's vector.
  let factors: Int
  /// Vectors `[count, k]`.
  let vectors: UnsafeMutablePointer<Float>
  /// Biases `[count]`, or nil.
  let biases: UnsafeMutablePointer<Float>?
  /// Who interacted with this rank's rows.
  let incidence: Incidence

  /// The slots of a side, in canonical order.
  static func reserve(
    _ name: String, count: Int, factors: Int, biases: Bool, deviation: Float?,
    in layout: inout ParameterLayout
  ) {
    _ = layout.reserve(
      "\(name).factors", [count, factors],
      initializer: deviation.map { .normal(deviation: $0) } ?? .constant(0), table: .dense)
    guard biases else { return }
    _ = layout.reserve("\(name).bias", [count], initializer: .constant(0))
  }

  /// A side whose slots lie in `store`.
  init(_ name: String, in store: ParameterStore, _ incidence: Incidence) {
    guard let slot = store.layout["\(name).factors"] else {
      preconditionFailure("the layout has no \(name).factors")
    }
    self.name = name
    (count, factors) = (slot.shape[0], slot.shape[1])
    vectors = store.base + slot.offset
    biases = store.layout["\(name).bias"].map { store.base + $0.offset }
    self.incidence = incidence
  }
}
