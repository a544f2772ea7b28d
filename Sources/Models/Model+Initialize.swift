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
    for slot in layout.slots where slot.table != .sharded { initialize(slot, 0, store[slot]) }
  }

  /// Gives rows of a sharded table their initial values, which are those of the same table whole.
  ///
  /// - Parameters:
  ///   - rows: which rows.
  ///   - table: a sharded table of the layout.
  ///   - values: room for `[rows.count, width]`.
  public func initialize(
    _ rows: Range<Int>, of table: LazyTable, _ values: UnsafeMutablePointer<Float>
  ) {
    initialize(
      layout.slots[table.slot], rows.lowerBound * table.width,
      UnsafeMutableBufferPointer(start: values, count: rows.count * table.width))
  }

  /// Fills a stretch of a slot that begins at its scalar number `first`.
  private func initialize(
    _ slot: ParameterSlot, _ first: Int, _ values: UnsafeMutableBufferPointer<Float>
  ) {
    let random = CounterRandom(
      seed: seed, purpose: .initialization, stream: pathHash(slot.name))
    for index in values.indices {
      switch slot.initializer {
      case .constant(let value): values[index] = value
      case .uniform(let bound): values[index] = bound * (2 * random.uniform(at: first + index) - 1)
      case .normal(let deviation): values[index] = deviation * random.normal(at: first + index)
      case .sections(let parts): values[index] = parts[index * parts.count / values.count]
      case .orthogonal:
        guard let base = values.baseAddress, let size = slot.shape.last else { return }
        return random.fillOrthogonal(blocks: values.count / (size * size), size: size, base)
      }
    }
  }
}
