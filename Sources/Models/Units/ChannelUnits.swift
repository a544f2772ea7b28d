/// Which unit each channel of an axis belongs to: a filter, a neuron, a recurrent unit, a head or a dimension.
///
/// A unit has a number of its own in the ``UnitGraph``. An axis that is made of others, by joining, tiling
/// or flattening, names the units of its parts, so an index map is never more than this list.
public struct ChannelUnits: Sendable, Equatable {
  /// A channel that belongs to no unit and always stays.
  public static let none = -1

  /// One number for each channel.
  public let numbers: [Int]

  /// The units of an axis, channel by channel.
  public init(_ numbers: some Sequence<Int>) { self.numbers = Array(numbers) }

  /// The same channels `times` times, one run after the other: positions before channels, or gates.
  func tiled(_ times: Int) -> ChannelUnits {
    ChannelUnits((0..<times).flatMap { _ in numbers })
  }

  /// `times` channels for each of these, side by side: the columns of heads.
  func widened(_ times: Int) -> ChannelUnits {
    ChannelUnits(numbers.flatMap { repeatElement($0, count: times) })
  }

  /// Axes side by side; nil where none of them has units.
  static func joined(_ parts: [(units: ChannelUnits?, width: Int)]) -> ChannelUnits? {
    guard parts.contains(where: { $0.units != nil }) else { return nil }
    return ChannelUnits(
      parts.flatMap { $0.units?.numbers ?? [Int](repeating: none, count: $0.width) })
  }
}

/// What a layer answers when it is asked how the channels of its output come from those of its input.
enum UnitRule {
  /// It does not know: the channels of its input stay, and so do its own.
  case unknown
  /// Channel c of the output is channel c of the input.
  case same
  /// The channels of the output have these units; nil: none, and they stay.
  case channels(ChannelUnits?)
}
