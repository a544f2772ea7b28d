import Parameters

/// What a node's gradients still owe: error feedback and momentum correction of ``WireFormat/TopK``.
///
/// For every entry of a large tensor, with g the node's sum of a step:
///
/// ```
/// u ← m u + g;  v ← v + u;  where |v| is among the largest of its stretch: send v, then u ← 0, v ← 0
/// ```
///
/// A stretch is what one rank adds up of one tensor for the owners on one node, in one bucket. So the
/// entries chosen depend on the ranks of a node as well, while their share does not.
final class WireResidual {
  /// A stretch of one tensor, within a part.
  private struct Stretch {
    /// Counted from the start of the part.
    let offset: Int
    let count: Int
  }

  private let settings: WireFormat.TopK
  private let parts: [[Reducer.Part]]
  private let stretches: [[[Stretch]]]
  private let scalarCount: Int
  private let owed: FloatArray
  /// u; without momentum there is none.
  private let velocity: FloatArray?
  private let nodeName: String
  private var mask: ParameterMask?

  init(_ settings: WireFormat.TopK, _ reducer: Reducer, _ plan: BucketPlan, node: Int) {
    self.settings = settings
    parts = reducer.parts
    scalarCount = reducer.scalarCount
    owed = FloatArray(scalarCount)
    velocity = settings.momentum > 0 ? FloatArray(scalarCount) : nil
    nodeName = "\(node)-of-\(plan.topology.nodes.count)"
    let large = plan.layout.slots.filter {
      $0.role == .trainable && $0.count >= WireFormat.TopK.leastScalars
    }
    stretches = parts.map { bucket in
      bucket.map { part in
        large.compactMap { slot in
          guard slot.range.overlaps(part.range) else { return nil }
          let shared = slot.range.clamped(to: part.range)
          return Stretch(
            offset: shared.lowerBound - part.range.lowerBound, count: shared.count)
        }
      }
    }
  }

  /// Replaces a node's sum of a bucket by what it sends of it, zeros elsewhere.
  ///
  /// A node that had no microbatch in the step sends nothing and its residual stays.
  ///
  /// - Parameters:
  ///   - bucket: which bucket.
  ///   - reducer: holds the sum.
  ///   - step: says which sum it is.
  ///   - number: the step's number, for the warm-up.
  func sparsify(_ bucket: Int, of reducer: Reducer, _ step: StepPlan, atStep number: Int) {
    guard case .sum(let sum)? = step.sums.first?.operand else { return }
    let density = settings.density(atStep: number)
    for (part, stretches) in zip(parts[bucket], stretches[bucket]) {
      let values = reducer.values(ofSum: sum, part)
      for stretch in stretches {
        let start = part.range.lowerBound + stretch.offset
        let gradient = values + stretch.offset
        mask?.clearDead(start..<start + stretch.count, in: gradient)
        accumulate(gradient, at: part.offset + stretch.offset, stretch.count)
        let most = (density * Double(stretch.count)).rounded(.up)
        send(
          gradient, at: part.offset + stretch.offset, stretch.count,
          largest: min(stretch.count, max(1, Int(most))))
      }
    }
  }

  /// `u ← m u + g; v ← v + u`.
  private func accumulate(
    _ gradient: UnsafePointer<Float>, at offset: Int, _ count: Int
  ) {
    let v = owed.base + offset
    guard let velocity else {
      for index in 0..<count { v[index] += gradient[index] }
      return
    }
    let (u, m) = (velocity.base + offset, Float(settings.momentum))
    for index in 0..<count {
      let moved = m * u[index] + gradient[index]
      u[index] = moved
      v[index] += moved
    }
  }

  private func send(
    _ gradient: UnsafeMutablePointer<Float>, at offset: Int, _ count: Int, largest: Int
  ) {
    let (v, u) = (owed.base + offset, velocity.map { $0.base + offset })
    WireSelection(v, count, largest: largest).forEach(v, count) { index, isTaken in
      guard isTaken else {
        gradient[index] = 0
        return
      }
      // −0 + 0 is +0, which does not travel.
      gradient[index] = v[index] + 0
      v[index] = 0
      u?[index] = 0
    }
  }

  /// Forgets what is owed to parameters that are not live.
  func setLive(_ mask: ParameterMask?) {
    self.mask = mask
    guard let mask else { return }
    for part in parts.joined() {
      mask.clearDead(part.range, in: owed.base + part.offset)
      if let velocity { mask.clearDead(part.range, in: velocity.base + part.offset) }
    }
  }

  /// Bytes kept.
  var memoryBytes: Int {
    scalarCount * MemoryLayout<Float>.stride * (velocity == nil ? 1 : 2)
  }

  /// What a checkpoint keeps, as stretches of the canonical order.
  var state: [WireState] {
    var all: [WireState] = []
    for part in parts.joined() where !part.range.isEmpty {
      all.append(
        WireState(
          name: "wire.owed.\(nodeName)", range: part.range, base: owed.base + part.offset))
      guard let velocity else { continue }
      all.append(
        WireState(
          name: "wire.velocity.\(nodeName)", range: part.range, base: velocity.base + part.offset))
    }
    return all
  }
}

/// A stretch of an array that belongs to the run and not to the weights.
public struct WireState {
  /// The array in checkpoints; it names the node and the number of nodes.
  public let name: String
  /// Its place in the canonical order.
  public let range: Range<Int>
  /// Its scalars, `range.count` of them; valid as long as the exchange.
  public let base: UnsafeMutablePointer<Float>

  /// How many nodes wrote arrays of such names; 0 where none did.
  ///
  /// - Parameter names: the arrays of a checkpoint.
  /// - Returns: M of `wire.owed.N-of-M`.
  public static func nodes(of names: [String]) -> Int {
    let owed = names.first { $0.hasPrefix("wire.owed.") }
    return owed.flatMap { $0.split(separator: "-").last.flatMap { Int($0) } } ?? 0
  }

  /// The names that the same array had on so many nodes, in their order.
  public func names(ofNodes count: Int) -> [String] {
    let kind = name[..<(name.lastIndex(of: ".") ?? name.endIndex)]
    return (0..<count).map { "\(kind).\($0)-of-\(count)" }
  }
}

extension Exchange {
  /// What nodes owe to later steps, for checkpoints; empty unless the format is ``WireFormat/topK(_:)``.
  ///
  /// Arrays are called `wire.owed.N-of-M` and `wire.velocity.N-of-M`, with node N of M; the ranks of a node
  /// hold disjoint stretches of its arrays that cover all parameters. Read and written outside a step.
  /// A run that goes on with another number of nodes finds no array of its names, but those of the nodes there were.
  public var wireState: [WireState] { residual?.state ?? [] }
}
