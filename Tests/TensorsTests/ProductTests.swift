import Tensors
import Testing

/// A product of random matrices whose rows lie further apart than they are long.
private struct DrawnProduct: CustomStringConvertible {
  /// What the sums begin with.
  enum Start: CaseIterable { case zeros, bias, result }

  let precision: Precision
  let rows, columns, inner: Int
  let transposeA, transposeB: Bool
  let start: Start
  let factor: Float
  let strideA, strideB, strideC: Int
  let a, b, bias, old: GuardedFloats

  init(
    _ precision: Precision = .float32, rows: Int, columns: Int, inner: Int, _ draws: inout Draws
  ) {
    self.precision = precision
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
    "\(precision) \(rows) x \(inner) x \(columns), \(transposeA) \(transposeB) \(start) \(factor)"
  }

  func left(_ i: Int, _ k: Int) -> Float {
    rounded(a.base[transposeA ? k * strideA + i : i * strideA + k], precision)
  }
  func right(_ k: Int, _ j: Int) -> Float {
    rounded(b.base[transposeB ? j * strideB + k : k * strideB + j], precision)
  }

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
      precision: precision, transposeA: transposeA, transposeB: transposeB, rows: some.count,
      columns: few.count,
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
    let stretch = precision == .float32 ? 256 : 512
    let roundings = Double(min(inner, stretch) + 1 + (inner + stretch - 1) / stretch)
    return abs(Double(found) - sum) <= roundings * 0x1p-23 * size
  }
}

@Suite("Matrix products")
struct ProductTests {
  @Test(
    "Every transposition, stride and start gives the definition in every build",
    arguments: 0..<60, Precision.allCases)
  func drawn(seed: Int, precision: Precision) throws {
    var draws = Draws(seed: UInt64(seed))
    let most = draws.element([3, 20, 70])
    let product = DrawnProduct(
      precision, rows: draws.integer(1...most), columns: draws.integer(1...most),
      inner: draws.integer(0...most), &draws)
    try expectDefinition(product)
  }

  @Test(
    "Products over several stretches and blocks give the definition in every build",
    arguments: [
      (3, 5, 256), (30, 33, 257), (225, 17, 40), (15, 530, 600), (450, 40, 515), (32, 530, 300),
      (63, 250, 257),
    ],
    Precision.allCases)
  func blocks(extents: (Int, Int, Int), precision: Precision) throws {
    for seed in 0..<4 {
      var draws = Draws(seed: UInt64(seed))
      try expectDefinition(
        DrawnProduct(
          precision, rows: extents.0, columns: extents.1, inner: extents.2, &draws))
    }
  }

  private func expectDefinition(_ product: DrawnProduct) throws {
    let (m, n) = (product.rows, product.columns)
    var first: [Float]?
    try onEachBuild(product.precision) { build in
      let c = product.compute(rows: 0..<m, columns: 0..<n)
      var wrong = 0
      for i in 0..<m {
        for j in 0..<product.strideC where i < m - 1 || j < n {
          let found = c.base[i * product.strideC + j]
          if j < n ? !product.admits(found, i, j) : found != 7 { wrong += 1 }
        }
      }
      #expect(wrong == 0, "\(build): \(product)")
      guard product.precision == .bfloat16, product.factor == 1 else { return }
      // Far from the ends of float32's range not even the build decides the bits; a factor is fused or not.
      if let first { #expect(c.array == first, "\(build): \(product)") }
      first = c.array
    }
  }

  @Test(
    "An element's bits depend on its row and column alone, in every build", arguments: 0..<30,
    Precision.allCases)
  func alone(seed: Int, precision: Precision) throws {
    var draws = Draws(seed: UInt64(seed))
    // Few rows in whole panels are computed turned, and parts of them are not.
    let rows = draws.element([draws.integer(1...300), 16 * draws.integer(1...14)])
    let product = DrawnProduct(
      precision, rows: rows, columns: draws.integer(1...600), inner: draws.integer(1...300), &draws)
    try onEachBuild(precision) { build in
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
    arguments: [(1, 1, 1), (3, 20, 17), (15, 7, 40), (33, 300, 5), (230, 520, 70), (3, 1027, 40)],
    Precision.allCases)
  func packed(extents: (Int, Int, Int), precision: Precision) throws {
    let (rows, inner, columns) = extents
    let x = GuardedFloats(random: rows * inner, seed: 1)
    let matrix = GuardedFloats(random: inner * columns, seed: 2)
    try onEachBuild(precision) { build in
      for transposed in [false, true] {
        let stride = transposed ? inner : columns
        let packed = GuardedFloats(Kernels.packedCount(inner: inner, columns: columns))
        Kernels.packMatrix(
          precision: precision, inner: inner, columns: columns, matrix.pointer,
          innerStride: transposed ? 1 : columns,
          columnStride: transposed ? inner : 1, into: packed.base)
        let (found, wanted) = (GuardedFloats(rows * columns), GuardedFloats(rows * columns))
        Kernels.packedProduct(
          precision: precision, rows: rows, inner: inner, columns: columns, x.pointer,
          stride: inner,
          packed: packed.pointer, found.base, stride: columns)
        Kernels.product(
          precision: precision, transposeB: transposed, rows: rows, columns: columns, inner: inner,
          x.pointer, inner,
          matrix.pointer, stride, wanted.base, columns)
        #expect(found.array == wanted.array, "\(build)")
      }
    }
  }

  @Test("Threads that share a product give its bits", arguments: 0..<12, Precision.allCases)
  func threads(seed: Int, precision: Precision) throws {
    var draws = Draws(seed: UInt64(seed))
    let product = DrawnProduct(
      precision, rows: draws.integer(1...90), columns: draws.integer(1...200),
      inner: draws.integer(1...90), &draws)
    let (m, n, k) = (product.rows, product.columns, product.inner)
    func all() -> [[Float]] {
      let packed = GuardedFloats(Kernels.packedCount(inner: k, columns: n), value: 0)
      let (y, x) = (GuardedFloats(m * n), GuardedFloats(random: m * k, seed: 5))
      let matrix = GuardedFloats(random: k * n, seed: 6)
      Kernels.packMatrix(
        precision: precision, inner: k, columns: n, matrix.pointer, innerStride: 1,
        columnStride: k, into: packed.base)
      Kernels.packedProduct(
        precision: precision, rows: m, inner: k, columns: n, x.pointer, stride: k,
        packed: packed.pointer, y.base, stride: n)
      return [product.compute(rows: 0..<m, columns: 0..<n).array, y.array]
    }
    try onEachBuild(precision) { build in
      let one = all()
      let three = try Kernels.with(threads: 3, cores: 0, leastWork: 1) { all() }
      #expect(one == three, "\(build): \(product)")
    }
  }

  /// Numbers whose rounding is a case of its own, and what each becomes.
  private static let rounding: [(Float, Float)] = [
    (1, 1), (-0.0, -0.0), (1.00390625, 1), (1.01171875, 1.015625), (1.0039064, 1.0078125),
    (-1.0039064, -1.0078125), (.greatestFiniteMagnitude, .infinity), (.infinity, .infinity),
    (-.infinity, -.infinity), (0x1.fep127, 0x1.fep127), (.leastNormalMagnitude, 0x1p-126),
    (0x0.ffp-126, 0), (-0x0.8p-126, -0.0), (.leastNonzeroMagnitude, 0), (.nan, .nan),
    (Float(bitPattern: 0x7f80_0001), .nan), (Float(bitPattern: 0xffff_ffff), .nan),
  ]

  @Test("Operands become the nearest bfloat16, ties even, denormals zero, in every build")
  func rounding() throws {
    let count = Self.rounding.count
    let (values, one) = (GuardedFloats(count), GuardedFloats(1, value: 1))
    for (index, pair) in Self.rounding.enumerated() { values.base[index] = pair.0 }
    try onEachBuild(.bfloat16) { build in
      for transposed in [false, true] {
        let (left, right) = (GuardedFloats(count), GuardedFloats(count))
        Kernels.product(
          precision: .bfloat16, transposeA: transposed, rows: count, columns: 1, inner: 1,
          values.pointer, transposed ? count : 1, one.pointer, 1, left.base, 1)
        Kernels.product(
          precision: .bfloat16, transposeB: transposed, rows: 1, columns: count, inner: 1,
          one.pointer, 1, values.pointer, transposed ? 1 : count, right.base, count)
        for (index, (value, wanted)) in Self.rounding.enumerated() {
          for found in [left.base[index], right.base[index]] {
            #expect(found == wanted || found.isNaN && wanted.isNaN, "\(build): \(value)")
          }
        }
      }
    }
  }

  @Test("A pair's second product is added first, each sum rounded, in every build")
  func orderOfPairs() throws {
    let (x, ones, y) = (GuardedFloats(4), GuardedFloats(4, value: 1), GuardedFloats(1))
    try onEachBuild(.bfloat16) { build in
      // Floats next to 2²⁴ are even: the odd sum goes to the multiple of 4, whenever it comes.
      for (pair, wanted) in [([2, 1], 0x1p24 + 2), ([1, 2], 0x1p24 + 4)] as [([Float], Float)] {
        for (index, value) in ([0x1p24, 0] + pair).enumerated() { x.base[index] = value }
        Kernels.product(
          precision: .bfloat16, rows: 1, columns: 1, inner: 4, x.pointer, 4, ones.pointer, 1,
          y.base, 1)
        #expect(y.base[0] == wanted, "\(build): \(pair)")
      }
    }
  }

  /// Sums of pairs of any size, infinities, NaN and denormals among them: bits of all NaN are made equal.
  private func sumsOfAnything(build: String, dots: Bool, seed: UInt64) throws -> [UInt32] {
    let (rows, inner) = (4_000, 6)
    let random = CounterRandom(seed: seed, purpose: .synthesis)
    let (x, m, y) = (
      GuardedFloats(rows * inner), GuardedFloats(inner * 16), GuardedFloats(rows * 16)
    )
    for (index, values) in [x, m].enumerated() {
      for place in 0..<values.count {
        values.base[place] = Float(bitPattern: random.bits(at: index * x.count + place))
      }
    }
    try Kernels.with(build: build, dots: dots) {
      Kernels.product(
        precision: .bfloat16, rows: rows, columns: 16, inner: inner, x.pointer, inner, m.pointer,
        16, y.base, 16)
    }
    return y.array.map { $0.isNaN ? Float.nan.bitPattern : $0.bitPattern }
  }

  @Test(
    "Fused multiplications give the bits of dot products for numbers of any size", arguments: 1...8)
  func anything(seed: UInt64) throws {
    let builds = Kernels.supportedBuilds.filter { $0 != "baseline" }
    var results: [[UInt32]] = []
    _ = isolated {
      flushDenormals()
      for build in builds {
        for dots in [true, false] {
          guard let sums = try? sumsOfAnything(build: build, dots: dots, seed: seed) else {
            return 0
          }
          results.append(sums)
        }
      }
      return 0
    }
    #expect(results.count == 2 * builds.count && results.allSatisfy { $0 == results[0] })
    let finite = results.first?.filter { Float(bitPattern: $0).isFinite } ?? []
    #expect(Set(finite).count > 1_000)
  }
}
