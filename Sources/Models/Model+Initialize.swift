import Parameters
import Tensors

extension Model {
  /// Gives every slot its initial values.
  ///
  /// A value is a function of the seed, the slot's name and the scalar's index in the slot, so
  /// every rank computes the same ones by itself, and a change elsewhere in the network moves none.
  ///
  /// - Parameter store: a store of this model's layout.
  public func initialize(_ store: ParameterStore) {
    precondition(store.layout == layout, "a store of another layout")
    for slot in layout.slots { initialize(slot, store[slot]) }
  }

  private func initialize(_ slot: ParameterSlot, _ values: UnsafeMutableBufferPointer<Float>) {
    let random = CounterRandom(
      seed: seed, purpose: .initialization, stream: pathHash(slot.name))
    for index in values.indices {
      switch slot.initializer {
      case .constant(let value): values[index] = value
      case .uniform(let bound): values[index] = bound * (2 * random.uniform(at: index) - 1)
      case .normal(let deviation): values[index] = deviation * random.normal(at: index)
      case .sections(let parts): values[index] = parts[index * parts.count / values.count]
      case .orthogonal:
        guard let base = values.baseAddress, let size = slot.shape.last else { return }
        return random.fillOrthogonal(blocks: values.count / (size * size), size: size, base)
      }
    }
  }
}
