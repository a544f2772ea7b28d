import Glibc

/// Samples by class, and how many of each class an epoch takes.
///
/// Of E draws, class k of n samples gets `floor(E n^(1 − power) / Σ)`, and what is left over goes round the
/// classes from epoch to epoch: in any epoch a class is within one draw of its share. A class without
/// samples has no share. Nothing is drawn at random here: counts are exact.
///
/// - Cost: 8 bytes per sample.
public struct BalancedDraw: Sendable, Equatable {
  /// E: samples of an epoch.
  public let count: Int
  /// Sample numbers, class after class, rising within each.
  private let samples: [Int]
  /// Where each class with samples begins in `samples`, and the end.
  private let starts: [Int]
  /// Where each class begins among the slots that it has in every epoch, and the end.
  private let slots: [Int]

  /// Sorts the samples by class.
  ///
  /// - Parameters:
  ///   - labels: each sample's class, at least one sample, none negative.
  ///   - power: in `0 ... 1`; 1 gives all classes the same share, 0 leaves the shares as they are.
  ///   - count: E, at least 1.
  public init(labels: [Int], power: Double, count: Int) {
    precondition(count > 0 && !labels.isEmpty, "an epoch of \(count) of \(labels.count) samples")
    self.count = count
    var sizes = [Int](repeating: 0, count: (labels.max() ?? 0) + 1)
    for label in labels { sizes[label] += 1 }
    var next = [Int](repeating: 0, count: sizes.count)
    for label in sizes.indices.dropFirst() { next[label] = next[label - 1] + sizes[label - 1] }
    var samples = labels
    for (sample, label) in labels.enumerated() {
      samples[next[label]] = sample
      next[label] += 1
    }
    self.samples = samples
    let present = sizes.filter { $0 > 0 }
    starts = present.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
    let weights = present.map { pow(Double($0), 1 - power) }
    let sum = weights.reduce(0, +)
    slots = weights.reduce(into: [0]) { slots, weight in
      let used = slots[slots.count - 1]
      slots.append(used + min(count - used, Int(Double(count) * weight / sum)))
    }
  }

  /// Classes that have samples.
  public var classes: Int { starts.count - 1 }

  /// The samples of the class at `group` among those that have samples, rising.
  func members(of group: Int) -> ArraySlice<Int> { samples[starts[group]..<starts[group + 1]] }

  /// Which class a slot of an epoch belongs to, and how many draws of it came before in the whole run.
  func turn(slot: Int, epoch: Int) -> (group: Int, turn: Int) {
    let fixed = slots[classes]
    let extra = count - fixed
    var group = 0
    var offset = 0
    if slot < fixed {
      group = largest(below: slot)
      offset = slot - slots[group]
    } else {
      group = (epoch * extra + slot - fixed) % classes
      offset = slots[group + 1] - slots[group]
    }
    let earlier = (epoch * extra + classes - 1 - group) / classes
    return (group, epoch * (slots[group + 1] - slots[group]) + earlier + offset)
  }

  /// The class whose slots hold `slot`, by bisection.
  private func largest(below slot: Int) -> Int {
    var low = 0
    var high = classes - 1
    while low < high {
      let middle = (low + high) / 2
      if slots[middle + 1] > slot { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
