/// How a tensor lies in a safetensors file.
public enum TensorForm: String, Sendable, CaseIterable {
  /// All scalars: `NAME`.
  case dense
  /// A bit for each scalar and those that are not zero, named as the library `compressed-tensors` does:
  /// `NAME.compressed`, `NAME.bitmask` (uint8 `[rows, ⌈columns / 8⌉]`, lowest bit first),
  /// `NAME.row_offsets` (int64 `[rows]`) and `NAME.shape` (int64).
  case bitmask
  /// Compressed sparse rows, named as SciPy does: `NAME.data`, `NAME.indices` (columns: uint16 where they
  /// fit, else int32), `NAME.indptr` (int32 `[rows + 1]`) and `NAME.shape` (int64).
  case csr
  /// Signed bytes with one scale for each output channel, named as the library `compressed-tensors` does: `NAME`
  /// (int8) and `NAME_scale` (float32, extents of 1 but for the channels). Values are rounded.
  case int8

  /// The forms that keep every value.
  public static let exact: [TensorForm] = [.dense, .bitmask, .csr]

  /// What stands behind the name of the scales.
  static let scaleSuffix = "_scale"

  /// What stands behind the name for each part.
  var suffixes: [String] {
    switch self {
    case .dense: [""]
    case .bitmask: [".compressed", ".bitmask", ".row_offsets", ".shape"]
    case .csr: [".data", ".indices", ".indptr", ".shape"]
    case .int8: ["", Self.scaleSuffix]
    }
  }
}

/// A tensor as rows and columns: the last extent is a row's.
struct MatrixShape {
  let rows, columns: Int

  /// The rows of `shape`; nil where no memory holds the scalars, or columns or rows exceed 32 bits.
  init?(_ shape: [Int]) {
    var count = 1
    for extent in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      guard extent >= 0, !overflow, product <= Int(Int32.max) else { return nil }
      count = product
    }
    columns = shape.last ?? 1
    rows = columns == 0 ? 0 : count / columns
  }

  var count: Int { rows * columns }
  var maskColumns: Int { (columns + 7) / 8 }
  /// Whether columns fit 16 bits.
  var isNarrow: Bool { columns <= 1 << 16 }

  /// Bytes of all parts.
  ///
  /// - Parameters:
  ///   - form: how the tensor lies.
  ///   - live: scalars that are not zero.
  ///   - rank: extents of the tensor.
  /// - Returns: the bytes without the file's header.
  func byteCount(_ form: TensorForm, live: Int, rank: Int) -> Int {
    switch form {
    case .dense: 4 * count
    case .int8: count + 4 * rows
    case .bitmask: 4 * live + rows * maskColumns + 8 * rows + 8 * rank
    case .csr: (isNarrow ? 6 : 8) * live + 4 * (rows + 1) + 8 * rank
    }
  }
}
