/// The shape of scaled dot-product attention with several heads over packed sequences.
///
/// Vaswani and others, "Attention is all you need" (2017), section 3.2.
public struct AttentionGeometry: Sendable, Equatable {
  /// Heads; head h owns columns `h · size ..< (h + 1) · size` of queries, keys, values and outputs.
  public let heads: Int
  /// d: columns of a head; scores are scaled by 1 / √d.
  public let size: Int
  /// Whether step i of the queries sees steps `0 ... i` of the keys only.
  public let isCausal: Bool
  /// What the operands of products are rounded to.
  public let precision: Precision

  /// Rows of queries that are worked on at a time.
  public static let block = 64

  /// A geometry from its parts.
  ///
  /// - Precondition: `heads` and `size` are at least 1.
  public init(heads: Int, size: Int, isCausal: Bool, precision: Precision = .float32) {
    precondition(heads >= 1 && size >= 1, "attention of \(heads) heads of \(size) columns")
    self.heads = heads
    self.size = size
    self.isCausal = isCausal
    self.precision = precision
  }

  /// Columns of all heads.
  public var width: Int { heads * size }

  /// Floats of scratch that a pass needs.
  ///
  /// Probabilities are never kept: the backward pass computes a block of them again, which costs one
  /// product in five and keeps memory linear in the length; nor is anything else kept.
  ///
  /// - Parameters:
  ///   - queries: the longest sequence of queries.
  ///   - keys: the longest sequence of keys.
  ///   - dropout: whether probabilities are dropped.
  /// - Returns: room for forward and backward.
  public static func scratchCount(queries: Int, keys: Int, dropout: Bool) -> Int {
    (dropout ? 3 : 2) * min(queries, block) * keys
  }

  /// How many of `keys` the last of `queries` steps sees.
  func seen(_ queries: Int, of keys: Int) -> Int { isCausal ? min(queries, keys) : keys }
}

/// Queries, keys and values of a packed batch: sample n owns rows `offsets[n] ..< offsets[n + 1]`.
public struct AttentionInput {
  /// The first query.
  public let queries: ConstantFloats
  /// Floats between rows of queries.
  public let queryStride: Int
  /// n + 1 first rows of queries.
  public let queryOffsets: UnsafePointer<Int>
  /// The first key.
  public let keys: ConstantFloats
  /// The first value; values have the keys' rows.
  public let values: ConstantFloats
  /// Floats between rows of keys, and of values.
  public let keyStride: Int
  /// n + 1 first rows of keys and values.
  public let keyOffsets: UnsafePointer<Int>

  /// An input from its parts; for self-attention both offsets are the same.
  public init(
    queries: ConstantFloats, queryStride: Int, queryOffsets: UnsafePointer<Int>,
    keys: ConstantFloats, values: ConstantFloats, keyStride: Int, keyOffsets: UnsafePointer<Int>
  ) {
    self.queries = queries
    self.queryStride = queryStride
    self.queryOffsets = queryOffsets
    self.keys = keys
    self.values = values
    self.keyStride = keyStride
    self.keyOffsets = keyOffsets
  }

  /// Input and gradients of self-attention whose rows hold query, key and value one after the other.
  ///
  /// - Parameters:
  ///   - rows: `[rows, 3 · width]`.
  ///   - width: columns of all heads.
  ///   - offsets: n + 1 first rows.
  public init(joined rows: ConstantFloats, width: Int, offsets: UnsafePointer<Int>) {
    self.init(
      queries: rows, queryStride: 3 * width, queryOffsets: offsets, keys: rows + width,
      values: rows + 2 * width, keyStride: 3 * width, keyOffsets: offsets)
  }
}

/// Where the gradients of an ``AttentionInput`` go; rows have its strides.
public struct AttentionGradients {
  /// The first query's gradient.
  public let queries: Floats
  /// The first key's gradient.
  public let keys: Floats
  /// The first value's gradient.
  public let values: Floats

  /// Three places.
  public init(queries: Floats, keys: Floats, values: Floats) {
    self.queries = queries
    self.keys = keys
    self.values = values
  }

  /// Rows that hold the gradients of query, key and value one after the other.
  public init(joined rows: Floats, width: Int) {
    self.init(queries: rows, keys: rows + width, values: rows + 2 * width)
  }
}
