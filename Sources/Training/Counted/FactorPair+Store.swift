import Metrics
import Parameters

extension FactorPair {
  /// The scores of a factorization: `mean + b_u + b_i + p_u · q_i`, as far as the slots are there.
  ///
  /// - Parameter store: the slots of `AlternatingLeastSquares.layout`.
  convenience init(_ store: ParameterStore) {
    guard let ofUsers = store.layout["users.factors"], let ofItems = store.layout["items.factors"]
    else { preconditionFailure("the store holds no factorization") }
    let factors = ofUsers.shape[1]
    let biases = (store.layout["users.bias"], store.layout["items.bias"])
    let width = factors + (biases.0 == nil ? 0 : 2)
    self.init(
      users: ofUsers.shape[0], items: ofItems.shape[0], width: width,
      offset: store.layout["mean"].map { store.base[$0.offset] } ?? 0)
    for user in 0...userCount {
      if user < userCount {
        self.user(user).update(from: store.base + ofUsers.offset + user * factors, count: factors)
      }
      guard let bias = biases.0 else { continue }
      self.user(user)[factors] = user < userCount ? store.base[bias.offset + user] : 0
      self.user(user)[factors + 1] = 1
    }
    for item in 0...itemCount {
      if item < itemCount {
        self.item(item).update(from: store.base + ofItems.offset + item * factors, count: factors)
      }
      guard let bias = biases.1 else { continue }
      self.item(item)[factors] = 1
      self.item(item)[factors + 1] = item < itemCount ? store.base[bias.offset + item] : 0
    }
  }
}
