import Parameters

/// The stretches of parameters that belong to groups of units: one for every group on every axis of a slot.
///
/// A filter has its weights on one slot, its bias on another, and its planes on the input axis of the next layer.
public struct UnitMembers: Sendable {
  /// How many members there are.
  public let count: Int
  /// The unit that stands for each member's group.
  public let groups: [Int]
  private let axes: [Axis]

  private struct Axis {
    let slot: ParameterSlot
    /// Scalars before and behind an index of the axis.
    let outer, inner: Int
    /// The member of each index, or -1.
    let members: [Int]
    /// The members, which are those of one axis alone.
    let range: Range<Int>
  }

  /// The members of trainable slots.
  ///
  /// - Parameters:
  ///   - graph: the network's units.
  ///   - layout: its slots.
  ///   - names: the slots that count; nil: all that an optimizer moves.
  public init(_ graph: UnitGraph, _ layout: ParameterLayout, names: Set<String>? = nil) {
    var axes: [Axis] = []
    var groups: [Int] = []
    for slot in layout.slots where slot.role == .trainable && names?.contains(slot.name) ?? true {
      for (axis, units) in (graph.slots[slot.name] ?? []).enumerated() {
        guard let units else { continue }
        let first = groups.count
        var known: [Int: Int] = [:]
        let members = units.numbers.map { unit -> Int in
          guard unit >= 0 else { return -1 }
          let root = graph.root(unit)
          if let member = known[root] { return member }
          known[root] = groups.count
          groups.append(root)
          return groups.count - 1
        }
        axes.append(
          Axis(
            slot: slot, outer: slot.shape[..<axis].reduce(1, *),
            inner: slot.shape[(axis + 1)...].reduce(1, *), members: members,
            range: first..<groups.count))
      }
    }
    (self.axes, self.groups, count) = (axes, groups, groups.count)
  }

  /// Adds the products of two arrays over each member: Σ w² with the parameters twice, Σ w · ∂L/∂w with their gradient.
  ///
  /// - Parameters:
  ///   - first: P scalars in canonical order.
  ///   - second: P scalars in canonical order.
  ///   - sums: one number for each member, which grows.
  /// - Cost: one read of every slot for each of its axes that has units.
  public func addProducts(
    _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>, to sums: inout [Double]
  ) {
    for axis in axes {
      var place = axis.slot.offset
      for _ in 0..<axis.outer {
        for member in axis.members {
          if member >= 0 {
            var sum = 0.0
            for scalar in place..<place + axis.inner {
              sum += Double(first[scalar]) * Double(second[scalar])
            }
            sums[member] += sum
          }
          place += axis.inner
        }
      }
    }
  }

  /// What each group is worth: the mean over its members, each divided by the mean of its axis.
  ///
  /// So a group's score does not depend on how large the weights of its layers are: the mean over all groups of a layer is 1.
  ///
  /// - Parameters:
  ///   - values: one number of at least 0 for each member.
  ///   - count: the units of the graph.
  /// - Returns: by the unit that stands for a group; 0 for a group without members.
  public func scores(_ values: [Double], units count: Int) -> [Double] {
    var (sums, shares) = ([Double](repeating: 0, count: count), [Int](repeating: 0, count: count))
    for axis in axes {
      let mean = axis.range.reduce(0) { $0 + values[$1] } / Double(max(axis.range.count, 1))
      for member in axis.range {
        sums[groups[member]] += mean > 0 ? values[member] / mean : 0
        shares[groups[member]] += 1
      }
    }
    return zip(sums, shares).map { $1 > 0 ? $0 / Double($1) : 0 }
  }
}
