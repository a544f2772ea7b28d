/// Where one named array of parameters lives in the canonical order.
public struct ParameterSlot: Sendable, Equatable {
  /// The dotted path, for example `modalities.image.0.weight`.
  public let name: String
  /// Extents, slowest first; linear weights `[O, I]`, convolution weights `[K, K, C / groups, O]`.
  public let shape: [Int]
  /// Whether an optimizer moves it.
  public let role: Role
  /// The first scalar's place in the canonical order.
  public let offset: Int
  /// How it starts.
  public let initializer: Initializer
  /// How the same tensor lies in PyTorch's files.
  public let foreign: ForeignLayout
  /// True for the weights of linear, convolution, recurrent and embedding layers, which decay by default.
  public let decaysByDefault: Bool
  /// Which rows a step moves of a table `[rows, size]`, of which a sample touches few, as of an
  /// embedding's weights; nil for all other slots.
  public let table: Table?

  /// Whether an optimizer moves a slot.
  public enum Role: Sendable, Equatable {
    /// Moved by the optimizer.
    case trainable
    /// A running mean of a batch statistic.
    ///
    /// Each microbatch writes `n · value` in its gradient; the tree's sum is divided by the step's
    /// sum of n, which is `rowsPerSample` times its samples, and enters with weight `momentum`.
    case statistic(momentum: Double, rowsPerSample: Int)
  }

  /// Which rows of a table an optimizer moves in a step.
  public enum Table: Sendable, Equatable {
    /// All of them.
    case dense
    /// Those that a sample of the step touches, whatever their gradient.
    case lazy
    /// As `lazy`, and each row lies on one rank alone: the slot has its place in the canonical order, and
    /// no memory in a `ParameterStore` or in gradients.
    case sharded
  }

  /// How the names of regressors begin that read a layer for a hint while training, and are no part of the network.
  ///
  /// They lie behind all other slots.
  public static let hintPrefix = "hints."
  /// True for slots that training needs and the network does not.
  public var isAuxiliary: Bool { name.hasPrefix(Self.hintPrefix) }
  /// True for a table of rows: most rows of its gradient are zero.
  public var isTable: Bool { table != nil }
  /// The scalars of the slot.
  public var count: Int { shape.reduce(1, *) }
  /// The slot's place in the canonical order.
  public var range: Range<Int> { offset..<offset + count }
}

/// How a parameter starts; random values are a function of (seed, slot name, index) alone.
public enum Initializer: Sendable, Equatable {
  /// The same value everywhere.
  case constant(Float)
  /// Uniform in `-bound ..< bound`.
  case uniform(bound: Float)
  /// Normal with mean 0.
  case normal(deviation: Float)
  /// Square blocks with orthonormal rows, one behind the other.
  case orthogonal
  /// As many equal parts one behind the other as there are values, each the same everywhere.
  case sections([Float])
}

/// How PyTorch lays out the tensor that corresponds to a slot.
public enum ForeignLayout: Sendable, Equatable {
  /// The same.
  case same
  /// `[O, C / groups, K, K]` there, `[K, K, C / groups, O]` here; one-dimensional kernels
  /// (`flat`) lack one K there.
  case convolution(flat: Bool)
  /// `[O, C · H · W]` there, `[O, H · W · C]` here: a linear layer right after flattening `[H, W, C]`.
  case flattenedImage(height: Int, width: Int, channels: Int)
}

/// All slots of a model in canonical order.
///
/// Canonical order is the order of reservation: modalities, fusion, heads, each first layer first.
/// It fixes blocks, checkpoints and the digest, and never depends on ranks or buckets.
public struct ParameterLayout: Sendable, Equatable {
  /// Scalars of one block: the unit that has one owner.
  public static let blockSize = 4096

  /// The slots, in canonical order.
  public private(set) var slots: [ParameterSlot] = []
  /// P: scalars of all slots together.
  public private(set) var count = 0

  /// An empty layout.
  public init() {}

  /// Appends a slot.
  ///
  /// - Precondition: no slot has this name yet.
  /// - Returns: the slot with its place.
  public mutating func reserve(
    _ name: String, _ shape: [Int], role: ParameterSlot.Role = .trainable,
    initializer: Initializer, foreign: ForeignLayout = .same, decaysByDefault: Bool = false,
    table: ParameterSlot.Table? = nil
  ) -> ParameterSlot {
    precondition(!slots.contains { $0.name == name }, "two slots are called \(name)")
    let slot = ParameterSlot(
      name: name, shape: shape, role: role, offset: count, initializer: initializer,
      foreign: foreign, decaysByDefault: decaysByDefault, table: table)
    slots.append(slot)
    count += slot.count
    return slot
  }

  /// The slot called `name`, or nil.
  public subscript(name: String) -> ParameterSlot? { slots.first { $0.name == name } }

  /// The number of blocks, the last one possibly short.
  public var blockCount: Int { (count + Self.blockSize - 1) / Self.blockSize }

  /// The canonical range of block `index`.
  public func block(_ index: Int) -> Range<Int> {
    let start = index * Self.blockSize
    return start..<min(count, start + Self.blockSize)
  }

  /// Scalars that an optimizer moves.
  public var trainableCount: Int {
    slots.reduce(0) { $1.role == .trainable ? $0 + $1.count : $0 }
  }
}
