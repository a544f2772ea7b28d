import Buffers
import Exchange
import Optimizers
import Parameters

/// Notices weights and optimizer state that changed by themselves: a flipped bit in memory.
///
/// After every K-th update each rank keeps checksums of the state it owns and of the part of its node's
/// weights that it alone writes, and verifies them before the next update; nodes compare their copies of the
/// weights at the same time.
///
/// - Cost: two reads of `P / L` weights and of the state a rank owns, every K steps.
final class MemoryCheck {
  private let every: Int
  private let weights: WeightCheck
  private unowned let exchange: Exchange
  private unowned let optimizer: Optimizer
  /// The checksum of each of ``remembered``, and whether they are those of now.
  private var sums: [UInt64] = []
  private var isDue = false
  private var maskSum: UInt64?
  /// Which parameters are live, on every rank the same; nil: all.
  var mask: ParameterMask? {
    didSet { maskSum = mask?.checksum }
  }

  /// Collective.
  ///
  /// - Parameters:
  ///   - every: K; 0 checks nothing.
  ///   - exchange: whose weights are checked.
  ///   - optimizer: whose state is checked.
  /// - Throws: `AgreedFailure` where memory is short, or `MPIError`.
  init(every: Int, _ exchange: Exchange, _ optimizer: Optimizer) throws {
    self.every = every
    self.exchange = exchange
    self.optimizer = optimizer
    weights = try WeightCheck(exchange)
  }

  /// Remembers what this rank owns, and compares the nodes, when that is due; collective.
  ///
  /// - Parameters:
  ///   - step: the step just done, counted from 1.
  ///   - always: whether it is due whatever the step.
  /// - Returns: what is wrong between nodes, nil if nothing is; equal on all ranks.
  /// - Throws: `MPIError` if a message fails.
  func afterUpdate(step: Int, always: Bool = false) throws -> String? {
    guard every > 0, always || step % every == 0 else { return nil }
    sums.removeAll(keepingCapacity: true)
    for part in remembered { sums.append(Self.sum(part.array)) }
    isDue = true
    let found = try weights.run()
    guard let first = found.first else { return nil }
    let same = found.filter { ($0.node, $0.owner) == (first.node, first.owner) }
    let names = same.prefix(3).map(\.tensor).joined(separator: ", ")
    let hosts = exchange.node.topology.nodes
    return
      "after step \(step) the weights of the node of rank \(hosts[first.node][0]) are not those "
      + "of their owners on the node of rank \(hosts[first.owner][0]), in \(names)"
      + (same.count > 3 ? " and \(same.count - 3) more" : "")
      + ": memory or a processor of one of them is faulty; go on from the last checkpoint without it"
  }

  /// Verifies what ``afterUpdate(step:)`` remembered, before this rank updates anything.
  ///
  /// - Throws: ``TrainingError`` naming the array and the tensor that changed.
  func beforeUpdate(step: Int) throws {
    guard isDue else { return }
    isDue = false
    guard mask?.checksum == maskSum else { throw changed("the pruning mask", step) }
    for (part, sum) in zip(remembered, sums) where Self.sum(part.array) != sum {
      throw changed("\(part.array.name) of \(part.tensor)", step)
    }
  }

  private func changed(_ what: String, _ step: Int) -> TrainingError {
    TrainingError(
      .failure,
      "\(what) changed between the updates of steps \(step) and "
        + "\(step + 1) though nobody wrote it: the memory or processor of "
        + "\(exchange.node.world.hostName) is faulty; go on from the last checkpoint without it")
  }

  /// Forgets what was remembered, because weights and state are about to be loaded.
  func forget() { isDue = false }

  /// What nobody but this rank may change, tensor by tensor.
  private lazy var remembered: [(tensor: String, array: StateArray)] = {
    let weights = exchange.written.map {
      StateArray(name: "weights", range: $0, base: exchange.store.base + $0.lowerBound)
    }
    let slots = exchange.plan.layout.slots
    return (weights + optimizer.state).flatMap { whole in
      slots.filter { $0.range.overlaps(whole.range) }.map { slot in
        let range = slot.range.clamped(to: whole.range)
        return (
          slot.name,
          StateArray(
            name: whole.name, range: range,
            base: whole.base + (range.lowerBound - whole.range.lowerBound))
        )
      }
    }
  }()

  /// Weights and optimizer state that this rank owns, sharded tables left out.
  var stretches: [StateArray] {
    exchange.owned.stretches.map {
      StateArray(
        name: "weights", range: $0.range, base: exchange.store.base + $0.range.lowerBound)
    } + optimizer.state
  }

  private static func sum(_ stretch: StateArray) -> UInt64 {
    checksum64(
      UnsafeRawBufferPointer(
        UnsafeBufferPointer(start: UnsafePointer(stretch.base), count: stretch.range.count)))
  }
}
