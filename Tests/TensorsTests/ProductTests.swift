import Tensors
import Testing

/// A product of random matrices whose rows lie further apart than they are long.
private struct DrawnProduct: CustomStringConvertible {
  /// What the sums begin with.
  enum Start: CaseIterable { case zeros, bias, result }

  let rows, columns, inner: Int
  let transposeA, transposeB: Bool
  let start: Start
  let factor: Float
  let strideA, strideB, strideC: Int
  let a, b, bias, old: GuardedFloats

  init(rows: Int, columns: Int, inner: Int, _ draws: inout Draws) {
    (self.rows, self.columns, self.inner) = (rows, columns, inner)
    (transposeA, transposeB) = (draws.integer(0...1) == 1, draws.integer(0...1) == 1)
    start = Start.allCases[draws.integer(0...2)]
    factor = draws.integer(0...1) == 1 ? 1 : -0.375
    strideA = (transposeA ? rows : inner) + draws.integer(0...3)
    strideB = (transposeB ? inner : columns) + draws.integer(0...3)
    strideC = columns + draws.integer(0...3)
    a = Self.matrix(transposeA ? inner : rows, transposeA ? rows : inner, strideA, 1)
    b = Self.matrix(transposeB ? columns : inner, transposeB ? inner : columns, strideB, 2)
    bias = GuardedFloats(random: columns, seed: 3)
    old = Self.matrix(rows, columns, strideC, 4)
  }

  /// Rows `stride` apart, the last of which ends where memory does.
  private static func matrix(
    _ rows: Int, _ width: Int, _ stride: Int, _ seed: UInt64
  ) -> GuardedFloats { GuardedFloats(random: max(0, (rows - 1) * stride + width), seed: seed) }

  var description: String {
    "\(rows) x \(inner) x \(columns), \(transposeA) \(transposeB) \(start) \(factor)"
  }

  func left(_ i: Int, _ k: Int) -> Float { a.base[transposeA ? k * strideA + i : i * strideA + k] }
  func right(_ k: Int, _ j: Int) -> Float { b.base[transposeB ? j * strideB + k : k * strideB + j] }

  /// Some rows and columns of the result; what lies between its rows keeps a mark.
  func compute(rows some: Range<Int>, columns few: Range<Int>) -> GuardedFloats {
    let c = GuardedFloats((some.count - 1) * strideC + few.count, value: 7)
    if start == .result {
      for i in some {
        for j in few {
          c.base[(i - some.lowerBound) * strideC + j - few.lowerBound] = old.base[i * strideC + j]
        }
      }
    }
    Kernels.product(
      transposeA: transposeA, transposeB: transposeB, rows: some.count, columns: few.count,
      inner: inner, factor: factor, a.pointer + some.lowerBound * (transposeA ? 1 : strideA),
      strideA, b.pointer + few.lowerBound * (transposeB ? strideB : 1), strideB,
      bias: start == .bias ? bias.pointer + few.lowerBound : nil, adding: start == .result, c.base,
      strideC)
    return c
  }

  /// Whether element (i, j) is right: within one rounding for each addition of a stretch, and one for
  /// each stretch, of the sum of absolute values.
  func admits(_ found: Float, _ i: Int, _ j: Int) -> Bool {
    let first: Float =
      switch start {
      case .zeros: 0
      case .bias: bias.base[j]
      case .result: old.base[i * strideC + j]
      }
    var (sum, size) = (Double(first), Double(abs(first)))
    for k in 0..<inner {
      let term = Double(factor) * Double(left(i, k)) * Double(right(k, j))
      sum += term
      size += abs(term)
    }
    let roundings = Double(min(inner, 256) + 1 + (inner + 255) / 256)
    return abs(Double(found) - sum) <= roundings * 0x1p-23 * size
  }
}

@Suite("Matrix products")
struct ProductTests {
  @Test(
    "Every transposition, stride and start gives the definition in every build",
    arguments: 0..<60)
  func drawn(seed: Int) throws {
    var draws = Draws(seed: UInt64(seed))
    let most = draws.element([3, 20, 70])
    let product = DrawnProduct(
      rows: draws.integer(1...most), columns: draws.integer(1...most),
      inner: draws.integer(0...most), &draws)
    try expectDefinition(product)
  }

  @Test(
    "Products over several stretches and blocks give the definition in every build",
    arguments: [(3, 5, 256), (30, 33, 257), (225, 17, 40), (15, 530, 600), (450, 40, 515)])
  func blocks(extents: (Int, Int, Int)) throws {
    for seed in 0..<4 {
      var draws = Draws(seed: UInt64(seed))
      try expectDefinition(
        DrawnProduct(rows: extents.0, columns: extents.1, inner: extents.2, &draws))
    }
  }

  private func expectDefinition(_ product: DrawnProduct) throws {
    let (m, n) = (product.rows, product.columns)
    try onEachBuild { build in
      let c = product.compute(rows: 0..<m, columns: 0..<n)
      var wrong = 0
      for i in 0..<m {
        for j in 0..<product.strideC where i < m - 1 || j < n {
          let found = c.base[i * product.strideC + j]
          if j < n ? !product.admits(found, i, j) : found != 7 { wrong += 1 }
        }
      }
      #expect(wrong == 0, "\(build): \(product)")
    }
  }

  @Test(
    "An element's bits depend on its row and column alone, in every build", arguments: 0..<30)
  func alone(seed: Int) throws {
    var draws = Draws(seed: UInt64(seed))
    let product = DrawnProduct(
      rows: draws.integer(1...300), columns: draws.integer(1...600), inner: draws.integer(1...300),
      &draws)
    try onEachBuild { build in
      let all = product.compute(rows: 0..<product.rows, columns: 0..<product.columns)
      for _ in 0..<8 {
        let (i, j) = (
          draws.integer(0...product.rows - 1), draws.integer(0...product.columns - 1)
        )
        let rows = i..<draws.integer(i + 1...product.rows)
        let columns = j..<draws.integer(j + 1...product.columns)
        let part = product.compute(rows: rows, columns: columns)
        let equal = rows.allSatisfy { row in
          columns.allSatisfy { column in
            part.base[(row - i) * product.strideC + column - j]
              == all.base[row * product.strideC + column]
          }
        }
        #expect(equal, "\(build): \(product), \(rows) \(columns)")
      }
    }
  }

  @Test(
    "A matrix packed once gives the same bits, in every build",
    arguments: [(1, 1, 1), (3, 20, 17), (15, 7, 40), (33, 300, 5), (230, 520, 70)])
  func packed(rows: Int, inner: Int, columns: Int) throws {
    let x = GuardedFloats(random: rows * inner, seed: 1)
    let matrix = GuardedFloats(random: inner * columns, seed: 2)
    try onEachBuild { build in
      for transposed in [false, true] {
        let stride = transposed ? inner : columns
        let packed = GuardedFloats(Kernels.packedCount(inner: inner, columns: columns))
        Kernels.packMatrix(
          inner: inner, columns: columns, matrix.pointer, innerStride: transposed ? 1 : columns,
          columnStride: transposed ? inner : 1, into: packed.base)
        let (found, wanted) = (GuardedFloats(rows * columns), GuardedFloats(rows * columns))
        Kernels.packedProduct(
          rows: rows, inner: inner, columns: columns, x.pointer, stride: inner,
          packed: packed.pointer, found.base, stride: columns)
        Kernels.product(
          transposeB: transposed, rows: rows, columns: columns, inner: inner, x.pointer, inner,
          matrix.pointer, stride, wanted.base, columns)
        #expect(found.array == wanted.array, "\(build)")
      }
    }
  }
}
