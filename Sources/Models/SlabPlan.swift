import Tensors

/// Where the gradient of a tensor lies, and who may write it.
struct Gradient: Equatable {
  /// The slab's number.
  let slab: Int
  /// True when the receiver may overwrite it and must release it; false when it is only lent.
  let owned: Bool

  /// Its place in a pass.
  var place: Place { .slab(slab) }
  /// The same gradient, lent.
  var lent: Gradient { Gradient(slab: slab, owned: false) }
}

/// Memory of gradients, reused as soon as the backward pass has no more use for it.
///
/// A chain needs two slabs however long it is. Slabs grow while planning and are reserved at the
/// end, because backward passes go from small tensors to large ones.
struct SlabPlan {
  private let capacity: Int
  private var counts: [Int] = []
  private var free: [Bool] = []

  /// An empty plan for microbatches of `capacity` samples.
  init(capacity: Int) {
    self.capacity = capacity
  }

  /// Room for the gradient of a tensor of `count` scalars per sample.
  mutating func acquire(_ count: Int) -> Gradient {
    let needed = count * capacity
    let candidates = counts.indices.filter { free[$0] }
    // The smallest that is large enough; else the largest grows, which costs least.
    let fitting = candidates.filter { counts[$0] >= needed }.min { counts[$0] < counts[$1] }
    if let slab = fitting ?? candidates.max(by: { counts[$0] < counts[$1] }) {
      counts[slab] = max(counts[slab], needed)
      free[slab] = false
      return Gradient(slab: slab, owned: true)
    }
    counts.append(needed)
    free.append(false)
    return Gradient(slab: counts.count - 1, owned: true)
  }

  /// Gives a gradient's memory back, unless it was only lent.
  mutating func release(_ gradient: Gradient) {
    guard gradient.owned else { return }
    precondition(!free[gradient.slab], "slab \(gradient.slab) is released twice")
    free[gradient.slab] = true
  }

  /// True when nothing is in use any more.
  var isIdle: Bool { free.allSatisfy { $0 } }

  /// Reserves all slabs in `plan`, in order.
  func reserve(in plan: inout ArenaPlan) -> [Region] {
    counts.map { plan.reserve($0) }
  }
}
