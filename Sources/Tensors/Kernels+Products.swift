import CKernels

extension Kernels {
  /// Floats that a packed matrix takes in any build.
  public static func packedCount(inner: Int, columns: Int) -> Int {
    let panel = Int(PRODUCT_PANEL)
    return (columns + panel - 1) / panel * panel * inner
  }

  /// `C = α · op(A) · op(B)` for matrices in C order, `op` the identity or the transpose.
  ///
  /// An element is the sum of stretches of 256 terms in order, each summed from its first term to its
  /// last. So its bits depend on its row of op(A), its column of op(B), k and the build alone, whatever
  /// other rows and columns there are.
  ///
  /// - Parameters:
  ///   - precision: what both matrices are rounded to first; sums are float32, see ``Precision``.
  ///   - transposeA: whether `A` is stored as `[k, m]` instead of `[m, k]`.
  ///   - transposeB: whether `B` is stored as `[n, k]` instead of `[k, n]`.
  ///   - rows: m, rows of `C`.
  ///   - columns: n, columns of `C`.
  ///   - inner: k, the length of the sums.
  ///   - factor: α.
  ///   - a: the first matrix.
  ///   - strideA: floats between rows of `a` as stored.
  ///   - b: the second matrix.
  ///   - strideB: floats between rows of `b` as stored.
  ///   - bias: one float per column that every sum begins with; nil for zeros.
  ///   - adding: true for sums that begin with what is in `c`, which is else never read.
  ///   - c: the result `[m, n]`; overlaps neither `a` nor `b`.
  ///   - strideC: floats between rows of `c`.
  ///
  /// Cost: `2 · m · n · k` floating-point operations, and at most 0.8 MiB while it runs.
  public static func product(
    precision: Precision = .float32, transposeA: Bool = false, transposeB: Bool = false,
    rows: Int, columns: Int, inner: Int, factor: Float = 1, _ a: ConstantFloats, _ strideA: Int,
    _ b: ConstantFloats, _ strideB: Int,
    bias: ConstantFloats? = nil, adding: Bool = false, _ c: Floats, _ strideC: Int
  ) {
    precondition(!adding || bias == nil, "a product is added to a bias or to a result, not to both")
    guard rows > 0, columns > 0 else { return }
    var product = CKernels_Product()
    (product.rows, product.columns, product.inner) = (Int64(rows), Int64(columns), Int64(inner))
    product.x = a
    (product.xRow, product.xStep) = transposeA ? (1, Int64(strideA)) : (Int64(strideA), 1)
    product.matrix = b
    product.matrixStep = transposeB ? 1 : Int64(strideB)
    product.matrixColumn = transposeB ? Int64(strideB) : 1
    product.bias = bias
    product.factor = factor
    product.adds = adding
    product.y = c
    product.yRow = Int64(strideC)
    compute(product, products(precision))
  }

  /// Cuts a product among threads along its longer side, which leaves the fewest numbers that several read and pack;
  /// into columns only where whole panels come out even.
  private static func compute(
    _ whole: CKernels_Product, _ products: CKernels_Products
  ) {
    let (rows, columns) = (Int(whole.rows), Int(whole.columns))
    let work = rows * columns * Int(whole.inner) / 16
    if isCutByColumns(rows: rows, columns: columns, work: work) {
      split(columns, by: Int(PRODUCT_PANEL), work: work) { range in
        var part = whole
        part.columns = Int64(range.count)
        part.matrix += range.lowerBound * Int(whole.matrixColumn)
        part.bias = whole.bias.map { $0 + range.lowerBound }
        part.y += range.lowerBound
        products.product(&part)
      }
    } else {
      split(rows, work: work) { range in
        var part = whole
        part.rows = Int64(range.count)
        part.x += range.lowerBound * Int(whole.xRow)
        part.y += range.lowerBound * Int(whole.yRow)
        products.product(&part)
      }
    }
  }

  private static func isCutByColumns(rows: Int, columns: Int, work: Int) -> Bool {
    let panels = (columns + Int(PRODUCT_PANEL) - 1) / Int(PRODUCT_PANEL)
    let parts = parts(max(rows, panels), work: work)
    return rows < parts || columns > rows && (panels % parts == 0 || panels >= 8 * parts)
  }

  /// The floats of a packed column.
  private static func depth(_ precision: Precision, _ inner: Int) -> Int {
    precision == .float32 ? inner : (inner + 1) / 2
  }

  /// Multiplies and adds in registers, for the measurement of what a core can do.
  ///
  /// - Parameters:
  ///   - precision: of what is multiplied; bfloat16 in pairs.
  ///   - rounds: how often each of the registers in flight is multiplied and added to.
  ///   - value: what is added; receives a result, so that the work is not left out.
  /// - Returns: the floating-point operations that were done.
  public static func multiplyAdds(
    precision: Precision = .float32, rounds: Int, _ value: inout Float
  ) -> Double {
    products(precision).multiplyAdds(Int64(rounds), &value)
  }

  /// Packs a matrix once for ``packedProduct(precision:rows:inner:columns:_:stride:packed:_:stride:)``.
  ///
  /// - Parameters:
  ///   - precision: what it is rounded to.
  ///   - inner: k, the length of the sums.
  ///   - columns: n.
  ///   - matrix: element (i, j) lies at `i · innerStride + j · columnStride`.
  ///   - innerStride: n for a matrix `[k, n]`, 1 for its transpose as stored.
  ///   - columnStride: 1, or k.
  ///   - packed: receives ``packedCount(inner:columns:)`` floats.
  public static func packMatrix(
    precision: Precision = .float32, inner: Int, columns: Int, _ matrix: ConstantFloats,
    innerStride: Int, columnStride: Int, into packed: Floats
  ) {
    split(columns, by: Int(PRODUCT_PANEL), work: columns * inner) { range in
      products(precision).packMatrix(
        Int64(inner), Int64(range.count), matrix + range.lowerBound * columnStride,
        Int64(innerStride), Int64(columnStride), packed + range.lowerBound * depth(precision, inner)
      )
    }
  }

  /// `y = x · M` with x `[m, k]`, M `[k, n]` as packed in the same precision, y `[m, n]`, rows `stride` floats apart.
  ///
  /// The bits are those of ``product(precision:transposeA:transposeB:rows:columns:inner:factor:_:_:_:_:bias:adding:_:_:)``,
  /// which packs M at every call.
  public static func packedProduct(
    precision: Precision = .float32, rows: Int, inner: Int, columns: Int, _ x: ConstantFloats,
    stride xStride: Int,
    packed: ConstantFloats, _ y: Floats, stride yStride: Int
  ) {
    let work = rows * columns * inner / 16
    guard isCutByColumns(rows: rows, columns: columns, work: work) else {
      return split(rows, work: work) { range in
        products(precision).packedProduct(
          Int64(range.count), Int64(inner), Int64(columns), x + range.lowerBound * xStride,
          Int64(xStride), packed, y + range.lowerBound * yStride, Int64(yStride))
      }
    }
    // A panel of any build divides the largest, so a multiple of it begins one.
    split(columns, by: Int(PRODUCT_PANEL), work: work) { range in
      products(precision).packedProduct(
        Int64(rows), Int64(inner), Int64(range.count), x, Int64(xStride),
        packed + range.lowerBound * depth(precision, inner), y + range.lowerBound, Int64(yStride))
    }
  }
}
