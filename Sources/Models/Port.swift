import Tensors

/// A tensor with several readers: its gradient is the sum of what they give.
///
/// Readers come in the reverse of the forward order, while planning and in every pass. The memory of
/// the first one's gradient becomes the sum's, and the others are added to it.
final class Port {
  /// The tensor.
  let value: Value
  /// The layer that writes it, where it could do so elsewhere.
  let writer: (any JoinableLayer)?
  /// Where the sum lies; nil until a reader gave a gradient.
  private(set) var gradient: Gradient?

  /// A tensor that nobody has given a gradient of.
  init(_ value: Value, writer: (any JoinableLayer)? = nil) {
    self.value = value
    self.writer = writer
  }

  /// Plans to add one reader's gradient; takes it over.
  func plan(_ gradient: Gradient, _ slabs: inout SlabPlan) {
    if self.gradient == nil { self.gradient = gradient } else { slabs.release(gradient) }
  }

  /// Adds one reader's gradient, unless it is the sum itself.
  func add(_ place: Place?, _ group: Group) {
    guard let place, let sum = gradient?.place, place != sum else { return }
    for pass in group.passes {
      Kernels.addInto(
        count: pass.count(value.scalars), source: pass.floats(place),
        destination: pass.floats(sum))
    }
  }
}
