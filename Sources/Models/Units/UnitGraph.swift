import Configuration

/// What can be removed from a network as one, and what every parameter has to do with it.
///
/// Each layer says, while it is compiled, which units its channels belong to, and names the units along every axis of its
/// slots. Channels that are added to each other, multiplied or otherwise meet index by index are *coupled*: their units form
/// one group, and go together or not at all. What nobody knows a rule for is fixed and keeps its size.
public struct UnitGraph: Sendable {
  /// What a unit is.
  public enum Kind: String, Sendable, CaseIterable {
    /// A filter of a convolution.
    case filters
    /// An output of a linear layer.
    case neurons
    /// A hidden unit of a recurrent layer.
    case recurrent
    /// A head of attention.
    case heads
    /// A dimension of an embedding, or whatever a layer norm reads.
    case embeddings
  }

  /// A number of the configuration, and the units that it counts.
  public struct Width: Sendable {
    /// Where it stands; several where options say the same number, none where it follows from another one.
    public let settings: [SizeSetting]
    /// What it counts.
    public let kind: Kind
    /// The units, once for every tensor that has as many: levels, directions, blocks.
    ///
    /// Each must lose as many as the others.
    public internal(set) var lanes: [Range<Int>]

    /// The number now.
    public var size: Int { lanes[0].count }
  }

  /// The widths, in forward order.
  public private(set) var widths: [Width] = []
  /// The units along each axis of a slot, by its name; slots without any are not in it.
  public private(set) var slots: [String: [ChannelUnits?]] = [:]
  /// The paths of parts that keep their sizes because no rule is known for them.
  public private(set) var unruled: [String] = []
  /// Options that follow from others as written, and must be written once those change.
  private(set) var implied: [SizeSetting: Int] = [:]
  /// Disjoint sets of coupled units: every unit points at another of its set, or at itself.
  private(set) var parents: [Int] = []
  /// Whether a unit stays whatever happens.
  private(set) var fixed: [Bool] = []
  /// Whether a layer norm reads a unit, so that the others change once it is gone.
  private(set) var normalized: [Bool] = []

  /// The most units of a width, and channels of an axis with units; what is wider keeps its size.
  static let mostChannels = 1 << 22

  /// How many units there are.
  public var count: Int { parents.count }

  /// Adds units that an option counts.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - settings: the options; one that is known already gets another lane. Empty: they follow from what they
  ///     are coupled with.
  ///   - kind: what they are.
  /// - Returns: their axis; nil where there are too many to look at one by one.
  mutating func add(_ count: Int, _ settings: [SizeSetting], _ kind: Kind) -> ChannelUnits? {
    guard count <= Self.mostChannels, parents.count <= 8 * Self.mostChannels else { return nil }
    let lane = parents.count..<parents.count + count
    parents += lane
    fixed += repeatElement(false, count: count)
    normalized += repeatElement(false, count: count)
    if let known = widths.firstIndex(where: { !settings.isEmpty && $0.settings == settings }) {
      precondition(widths[known].size == count, "\(settings) counts two numbers of units")
      widths[known].lanes.append(lane)
    } else {
      widths.append(Width(settings: settings, kind: kind, lanes: [lane]))
    }
    return ChannelUnits(lane)
  }

  /// Notes the units along the axes of a slot.
  mutating func place(_ axes: [ChannelUnits?], in slot: String, _ shape: [Int]) {
    guard axes.contains(where: { $0 != nil }) else { return }
    precondition(axes.count == shape.count, "\(slot) has \(shape.count) axes, not \(axes.count)")
    for (axis, extent) in zip(axes, shape) {
      precondition(
        axis.map { $0.numbers.count == extent } ?? true,
        "\(slot) \(shape) with units of another axis")
    }
    slots[slot] = axes
  }

  /// Couples channels that meet index by index; those that meet channels without units stay.
  mutating func couple(_ first: ChannelUnits?, _ second: ChannelUnits?) {
    guard let first, let second else { return fix(first ?? second) }
    for (one, other) in zip(first.numbers, second.numbers) {
      switch (one >= 0, other >= 0) {
      case (true, true): join(one, other)
      case (true, false): fixed[one] = true
      case (false, true): fixed[other] = true
      case (false, false): break
      }
    }
  }

  /// Lets channels stay whatever happens; where `path` is given because nobody knows a rule for what it names.
  mutating func fix(_ channels: ChannelUnits?, unruled path: String? = nil) {
    guard let channels else { return }
    if let path, !unruled.contains(path) { unruled.append(path) }
    for unit in channels.numbers where unit >= 0 { fixed[unit] = true }
  }

  /// Notes that a layer norm reads channels.
  mutating func normalize(_ channels: ChannelUnits?) {
    for unit in channels?.numbers ?? [] where unit >= 0 { normalized[unit] = true }
  }

  /// The same channels `times` times, one run after the other; where that is too long they stay.
  mutating func tiled(_ channels: ChannelUnits?, _ times: Int) -> ChannelUnits? {
    guard let channels else { return nil }
    guard channels.numbers.count <= Self.mostChannels / max(times, 1) else {
      fix(channels)
      return nil
    }
    return channels.tiled(times)
  }

  /// Lets all units stay that were added since there were `count`.
  mutating func fix(since count: Int, unruled path: String) {
    fix(ChannelUnits(count..<parents.count), unruled: path)
  }

  /// Notes what an option is that is not written.
  mutating func imply(_ setting: SizeSetting, _ value: Int) { implied[setting] = value }

  /// Puts two units into one group.
  mutating func join(_ first: Int, _ second: Int) {
    let (one, other) = (root(first), root(second))
    // The smallest number stands for the set, so that the order of calls does not matter.
    parents[max(one, other)] = min(one, other)
  }

  /// The unit that stands for the group of `unit`: its smallest.
  func root(_ unit: Int) -> Int {
    var unit = unit
    while parents[unit] != unit { unit = parents[unit] }
    return unit
  }
}
