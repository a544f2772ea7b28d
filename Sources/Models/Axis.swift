import Tensors

/// How many units each sample has in the tensors that share this axis.
///
/// A tensor without an axis has one unit a sample. Units are packed: those of sample 0, then those of
/// sample 1, nothing between. Lengths are known at the start of a pass, from the fields' extents.
struct Axis: Equatable {
  /// Where the lengths come from.
  let rule: Rule
  /// The most units of a sample.
  let most: Int
  /// True for steps of a sequence, false for samples that are there or not.
  let isSequence: Bool
  /// The axis of the samples that have the tensor at all; nil where all have.
  let base: Int?

  /// Where lengths come from.
  enum Rule: Equatable {
    /// The steps of each sample of a field.
    case steps(field: Int)
    /// 1 where the sample has the field, else 0.
    case presence(field: Int)
    /// So many for each unit of the parent, or for each sample.
    case repeated(parent: Int?, count: Int)
    /// What a sliding window leaves of the parent's length.
    case window(parent: Int, Window)
    /// 1 where the sample has the modality in this pass, else 0.
    case taken(modality: Int)
    /// The parent's length where another axis has a unit, else 0.
    case masked(parent: Int, by: Int)
    /// So many more than the parent has, for the samples of `base`, or for all.
    case extended(parent: Int, count: Int, base: Int?)
    /// The lengths of several axes together.
    case joined([Int])
  }

  /// A sliding window along the steps.
  struct Window: Equatable {
    let size, stride, padding, dilation: Int

    /// The outputs over `length` steps.
    func outputs(_ length: Int) -> Int {
      ConvolutionGeometry.extent(length, size, stride, padding, dilation)
    }

    /// True where the length never changes.
    var keepsLength: Bool { stride == 1 && 2 * padding == dilation * (size - 1) }
  }
}

/// How many scalars or rows a tensor has in a pass: so many for each unit of its axis.
struct Extent {
  /// The axis; -1 for one unit a sample.
  let axis: Int
  /// How many for each unit.
  let perUnit: Int
}

/// All axes of a model, each made once.
struct AxisPlan {
  private(set) var axes: [Axis] = []
  /// The modalities, as far as they may be missing; empty where nothing depends on it.
  var modalities: [Presence] = []

  /// The index of `axis`, new or known.
  mutating func index(_ axis: Axis) -> Int {
    if let known = axes.firstIndex(of: axis) { return known }
    axes.append(axis)
    return axes.count - 1
  }

  /// The samples that have a tensor on this axis at all; nil where all have.
  func presence(_ index: Int?) -> Int? {
    guard let index else { return nil }
    return axes[index].isSequence ? axes[index].base : index
  }

  /// The number of units of a sample that has any where that is the same for all, else nil.
  func perPresent(_ index: Int?) -> Int? {
    guard let index else { return 1 }
    switch axes[index].rule {
    case .presence, .taken: return 1
    case .steps, .masked: return nil
    case .extended(let parent, let count, _): return perPresent(parent).map { $0 + count }
    case .repeated(let parent, let count): return perPresent(parent).map { $0 * count }
    case .window(let parent, let window): return perPresent(parent).map(window.outputs)
    case .joined: return constant(index)
    }
  }

  /// The number of units per sample where it is the same for all samples, else nil.
  func constant(_ index: Int?) -> Int? {
    guard let index else { return 1 }
    switch axes[index].rule {
    case .steps, .presence, .taken, .masked: return nil
    case .extended(let parent, let count, let base):
      return base == nil ? constant(parent).map { $0 + count } : nil
    case .repeated(let parent, let count): return constant(parent).map { $0 * count }
    case .window(let parent, let window): return constant(parent).map(window.outputs)
    case .joined(let parts):
      let lengths = parts.compactMap { constant($0) }
      return lengths.count == parts.count ? lengths.reduce(0, +) : nil
    }
  }
}
