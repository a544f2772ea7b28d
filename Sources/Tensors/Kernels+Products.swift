extension Kernels {
  /// Packs a matrix once for ``packedProduct(rows:inner:columns:_:stride:packed:_:stride:)``.
  ///
  /// - Parameters:
  ///   - inner: k, the length of the sums.
  ///   - columns: n.
  ///   - matrix: element (i, j) lies at `i · innerStride + j · columnStride`.
  ///   - innerStride: n for a matrix `[k, n]`, 1 for its transpose as stored.
  ///   - columnStride: 1, or k.
  ///   - packed: receives n, rounded up to 16, times k floats.
  public static func packMatrix(
    inner: Int, columns: Int, _ matrix: ConstantFloats, innerStride: Int, columnStride: Int,
    into packed: Floats
  ) {
    table.pointee.packMatrix(
      Int64(inner), Int64(columns), matrix, Int64(innerStride), Int64(columnStride), packed)
  }

  /// `y = x · M` with x `[m, k]`, M `[k, n]` as packed, y `[m, n]`, rows `stride` floats apart.
  ///
  /// A row's bits depend on that row and M alone, not on how many rows there are: an element is summed
  /// from the first term to the last. Made for few rows; for many a general product is as good.
  public static func packedProduct(
    rows: Int, inner: Int, columns: Int, _ x: ConstantFloats, stride xStride: Int,
    packed: ConstantFloats, _ y: Floats, stride yStride: Int
  ) {
    table.pointee.packedProduct(
      Int64(rows), Int64(inner), Int64(columns), x, Int64(xStride), packed, y, Int64(yStride))
  }
}
