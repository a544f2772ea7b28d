import Tensors

/// Where a tensor lies during a pass.
enum Place: Hashable {
  /// In the arena, kept until the next pass.
  case region(Region)
  /// In the arena, shared by gradients whose lives do not overlap.
  case slab(Int)
  /// In the microbatch.
  case field(Int)
}

/// A relu that the layer before it applies in its own sweep.
final class Rectifier {
  /// True where the only reader of the relu's output lets through what belongs to it as it adds gradients up.
  var isTurnedByReader = false
}

/// A tensor between two layers, as known when the model is compiled.
struct Value {
  /// Where it lies.
  var place: Place
  /// The extents of one unit: a sample, or a step of a sequence.
  var shape: [Int]
  /// Values or ids.
  var element: MicrobatchField.Element
  /// True when parameters lie before it, so that a gradient must flow back.
  var requiresGradient: Bool
  /// True when the next layer may write its output over it: one reader, and nobody needs it later.
  var overwritable: Bool
  /// True when the layer that made it has applied the relu behind it already.
  var isRectified = false
  /// That relu, where its gradient may be turned back by the layer that reads it.
  var rectifier: Rectifier?
  /// True when PyTorch would hold the same tensor with its channels before its positions.
  var channelsFirst: Bool
  /// The image it was before `flatten`, while its order is still the image's.
  var flattened: Image?

  /// The number of different ids, where the data says.
  var vocabulary: Int?
  /// The field whose ids these are.
  var source: Int?
  /// The axis that says how many units each sample has; nil for one.
  var axis: Int?
  /// The units that the channels of the last axis belong to; nil for none.
  var channelUnits: ChannelUnits?
  /// The most units of a sample.
  var mostUnits = 1
  /// True where the units are steps of a sequence.
  var isSequence = false

  /// The extents of an image or, with height 1, of a sequence.
  struct Image: Equatable {
    var height, width, channels: Int
  }

  /// Scalars of one unit.
  var unitCount: Int { shape.reduce(1, *) }
  /// The most scalars of one sample.
  var count: Int { mostUnits * unitCount }
  /// C: the last extent; a single number has one channel.
  var channels: Int { shape.last ?? 1 }
  /// All positions of one unit that share the last axis.
  var positions: Int { shape.dropLast().reduce(1, *) }

  /// Units of a pass.
  var units: Extent { Extent(axis: axis ?? -1, perUnit: 1) }
  /// Scalars of a pass.
  var scalars: Extent { Extent(axis: axis ?? -1, perUnit: unitCount) }
  /// Rows of a pass: positions that share the last axis.
  var rows: Extent { Extent(axis: axis ?? -1, perUnit: positions) }

  /// The same tensor for a second reader, who must leave it as it is.
  var shared: Value {
    var copy = self
    copy.overwritable = false
    return copy
  }
}
