import Buffers
import Exchange
import Optimizers

/// The weights of an early step, to which iterative pruning goes back.
///
/// Each rank keeps the places of its node's copy that it alone writes, so that it can put them back without
/// asking others.
final class RewindPoint {
  private let values: HostBuffer<Float>
  private let parts: [(range: Range<Int>, offset: Int)]
  private unowned let exchange: Exchange

  /// Room for the weights of `exchange`.
  init(_ exchange: Exchange) {
    self.exchange = exchange
    var (parts, next) = ([(range: Range<Int>, offset: Int)](), 0)
    for range in exchange.written {
      parts.append((range, next))
      next += range.count
    }
    self.parts = parts
    values = HostBuffer(count: next)
  }

  /// Remembers the weights as they are.
  func save() {
    for part in parts {
      (values.base + part.offset).update(
        from: exchange.store.base + part.range.lowerBound, count: part.range.count)
    }
  }

  /// Puts the weights back; no rank may read them meanwhile.
  func putBack() {
    for part in parts {
      (exchange.store.base + part.range.lowerBound).update(
        from: values.base + part.offset, count: part.range.count)
    }
  }

  /// The name in checkpoints.
  static let arrayName = "pruning.early"

  /// What this rank's shard holds: the places it owns.
  var state: [StateArray] {
    exchange.owned.stretches.flatMap { stretch in
      parts.compactMap { part in
        let shared = part.range.clamped(to: stretch.range)
        guard !shared.isEmpty else { return nil }
        return StateArray(
          name: Self.arrayName, range: shared,
          base: values.base + part.offset + (shared.lowerBound - part.range.lowerBound))
      }
    }
  }

  /// What a resume restores: all places it keeps.
  var all: [StateArray] {
    parts.map {
      StateArray(name: Self.arrayName, range: $0.range, base: values.base + $0.offset)
    }
  }
}
