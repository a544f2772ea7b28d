import Tensors
import Testing

/// Rows of tables: looked up, added up and moved, by random ids of which some come often.
@Suite("Rows of tables")
struct RowTests {
  static let sizes = [1, 3, 15, 16, 17, 31, 32, 33, 47, 64, 65, 130]
  private static let rows = 40

  /// Ids of a list, half of them among the first three rows.
  private func ids(_ count: Int, seed: UInt64) -> [Int64] {
    var draws = Draws(seed: seed)
    return (0..<count).map { _ in
      Int64(draws.integer(0...1) == 0 ? draws.integer(0...2) : draws.integer(0...Self.rows - 1))
    }
  }

  /// Groups of a list in memory of their own.
  private struct Groups {
    let rows: [Int64]
    let starts: [Int32]
    let places: [Int32]

    init(_ ids: [Int64]) {
      let groups = Reference.groups(ids, below: RowTests.rows)
      rows = groups.map(\.row)
      places = groups.flatMap { $0.places.map(Int32.init) }
      starts = groups.reduce(into: [0]) { $0.append($0[$0.count - 1] + Int32($1.places.count)) }
    }

    func use<Result>(_ body: (RowGroups) throws -> Result) rethrows -> Result {
      try rows.withUnsafeBufferPointer { rows in
        try starts.withUnsafeBufferPointer { starts in
          try places.withUnsafeBufferPointer { places in
            guard let first = rows.baseAddress, let start = starts.baseAddress,
              let place = places.baseAddress
            else { fatalError("no ids") }
            return try body(
              RowGroups(count: rows.count, rows: first, starts: start, places: place))
          }
        }
      }
    }
  }

  /// Rows `stride` floats apart behind `column`, as a list of rows.
  private func columns(
    _ memory: GuardedFloats, rows: Int, size: Int, column: Int, stride: Int
  ) -> [[Float]] {
    (0..<rows).map { row in (0..<size).map { memory.base[row * stride + column + $0] } }
  }

  @Test("Rows are looked up and spread to the columns of a list in every build", arguments: sizes)
  func lookUp(size: Int) throws {
    let (count, stride) = (61, size + 5)
    let table = GuardedFloats(random: Self.rows * size, seed: 5)
    let ids = ids(count, seed: UInt64(size))
    let wanted = Reference.embedding(ids, table: table.array, size: size)
    try onEachBuild { build in
      let all = GuardedFloats(count * size)
      Kernels.embeddingForward(
        rows: count, size: size, ids: ids, table: table.pointer, output: all.base, stride: size)
      #expect(all.array == wanted.flatMap { $0 }, "\(build)")
      let (one, other) = (GuardedFloats(count * stride - 3), GuardedFloats(count * stride - 3))
      Kernels.embeddingForward(
        rows: count, size: size, ids: ids, table: table.pointer, output: one.base + 2,
        stride: stride)
      Groups(ids).use {
        // In two runs, the second with numbers of its own.
        let half = $0.count / 2
        Kernels.spreadRows(
          $0[0..<half], size: size, table: table.pointer, output: other.base + 2, stride: stride)
        Kernels.spreadRows(
          $0[half..<$0.count, $0.rows + half], size: size, table: table.pointer,
          output: other.base + 2, stride: stride)
      }
      for memory in [one, other] {
        let found = columns(memory, rows: count, size: size, column: 2, stride: stride)
        #expect(found == wanted, "\(build)")
        let outside = (0..<memory.count).filter { ($0 + stride - 2) % stride >= size }
        #expect(outside.allSatisfy { memory.base[$0].isNaN }, "\(build)")
      }
    }
  }

  @Test("Gradients of rows are added in the order of a list in every build", arguments: sizes)
  func addUp(size: Int) throws {
    let (count, stride) = (61, size + 3)
    let dy = GuardedFloats(random: count * stride - 2, seed: 6)
    for place in 0..<dy.count where place % 7 == 0 { dy.base[place] = -0.0 }
    let ids = ids(count, seed: UInt64(90 + size))
    let gradients = columns(dy, rows: count, size: size, column: 1, stride: stride)
    let wanted = Reference.rowSums(ids, gradients, size: size).flatMap { $0 }.map(\.bitPattern)
    try onEachBuild { build in
      Groups(ids).use { groups in
        let sums = GuardedFloats(groups.count * size)
        let isFinite = Kernels.collectRows(
          groups, size: size, values: dy.pointer + 1, stride: stride, sums: sums.base)
        #expect(isFinite && sums.array.map(\.bitPattern) == wanted, "\(build)")
        let whole = GuardedFloats(Self.rows * size)
        Kernels.embeddingBackward(
          rows: count, size: size, vocabulary: Self.rows, ids: ids, dy: dy.pointer + 1,
          stride: stride, dTable: whole.base)
        for row in 0..<Self.rows {
          let place = (0..<groups.count).first { groups.rows[$0] == row }
          let expected = place.map { Array(sums.array[$0 * size..<($0 + 1) * size]) }
          #expect(
            Array(whole.array[row * size..<(row + 1) * size])
              == expected ?? [Float](repeating: 0, count: size), "\(build) \(row)")
        }
        for bad in [Float.nan, .infinity, -.infinity] {
          let place = 1 + stride * (count / 2) + size - 1
          let good = dy.base[place]
          dy.base[place] = bad
          #expect(
            !Kernels.collectRows(
              groups, size: size, values: dy.pointer + 1, stride: stride, sums: sums.base),
            "\(build) \(bad)")
          dy.base[place] = good
        }
      }
    }
  }

  /// Every form of the rules that move rows.
  private static var steps: [(name: String, step: UpdateStep)] {
    var all: [(name: String, step: UpdateStep)] = []
    for (momentum, nesterov) in [(Float(0), false), (0.9, false), (0.9, true)] {
      for first in [true, false] {
        let step = UpdateStep.sgd(
          gradientScale: 0.5, learningRate: 0.1, momentum: momentum, nesterov: nesterov,
          weightDecay: 0.01, firstStep: first)
        all.append(("sgd \(momentum) \(nesterov) \(first)", step))
      }
    }
    for decoupled in [true, false] {
      let step = UpdateStep.adam(
        gradientScale: 0.5, learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8,
        correction1: 0.1, correction2: 0.001, weightDecay: 0.01, decoupled: decoupled)
      all.append(("adam \(decoupled)", step))
    }
    return all
  }

  @Test("Rows move as tensors do, and no other ones, in every build", arguments: sizes)
  func move(size: Int) throws {
    let touched = (0..<Self.rows).filter { $0 % 3 != 1 }.map(Int64.init)
    let gradient = GuardedFloats(random: touched.count * size, seed: 7)
    try onEachBuild { build in
      for (name, step) in Self.steps {
        func table(_ seed: UInt64) -> GuardedFloats {
          let values = GuardedFloats(random: Self.rows * size, seed: seed)
          for place in 0..<values.count { values.base[place] = abs(values.base[place]) }
          return values
        }
        let (found, wanted) = ((1...3).map { table($0) }, (1...3).map { table($0) })
        var norms = [Double](repeating: .nan, count: touched.count)
        touched.withUnsafeBufferPointer {
          Kernels.moveRows(
            by: step, $0, size: size, weight: found[0].base, gradient: gradient.pointer,
            first: found[1].base, second: found[2].base, norms: &norms)
        }
        for (number, row) in touched.enumerated() {
          let (place, values) = (Int(row) * size, gradient.pointer + number * size)
          Kernels.move(
            by: step, count: size, weight: wanted[0].base + place, gradient: values,
            first: wanted[1].base + place, second: wanted[2].base + place)
          #expect(norms[number] == Kernels.squaredNorm(size, values), "\(build) \(name)")
        }
        for (one, other) in zip(found, wanted) {
          #expect(one.array == other.array, "\(build) \(name)")
        }
        #expect(found[0].array != table(1).array)
      }
      var norms = [Double](repeating: .nan, count: touched.count)
      Kernels.rowNorms(
        rows: touched.count, size: size, values: gradient.pointer, norms: &norms)
      #expect(
        norms == touched.indices.map { Kernels.squaredNorm(size, gradient.pointer + $0 * size) })
    }
  }

  @Test("Products of two halves in every build", arguments: [1, 2, 15, 16, 17, 33, 64, 65])
  func halves(factors: Int) throws {
    let (rows, half) = (3, factors + 1)
    let x = GuardedFloats(random: rows * 2 * half, seed: 8)
    let dy = GuardedFloats(random: rows, seed: 9)
    try onEachBuild { build in
      let (y, biased) = (GuardedFloats(rows), GuardedFloats(rows))
      Kernels.rowDots(rows: rows, half: half, factors: factors, x: x.pointer, y: y.base)
      Kernels.rowDots(
        rows: rows, half: half, factors: factors, x: x.pointer, bias: [0.75], y: biased.base)
      let (dx, biasedDx) = (GuardedFloats(x.count), GuardedFloats(x.count))
      for (biases, gradient) in [(false, dx), (true, biasedDx)] {
        Kernels.rowDotsGradient(
          rows: rows, half: half, factors: factors, x: x.pointer, dy: dy.pointer, biases: biases,
          dx: gradient.base)
      }
      for row in 0..<rows {
        let (left, right) = (2 * row * half, (2 * row + 1) * half)
        let terms = (0..<factors).map { Double(x.base[left + $0]) * Double(x.base[right + $0]) }
        // Each of sixteen sums rounds factors / 16 products and additions.
        let bound = Double(factors / 16 + 2) * 0x1p-23 * terms.reduce(0) { $0 + abs($1) }
        #expect(abs(Double(y.base[row]) - terms.reduce(0, +)) <= bound, "\(build)")
        let rest = 0.75 + (x.base[left + factors] + x.base[right + factors])
        #expect(biased.base[row] == y.base[row] + rest, "\(build)")
        for side in [left, right] {
          #expect(dx.base[side + factors].isNaN && biasedDx.base[side + factors] == dy.base[row])
        }
        for i in 0..<factors {
          #expect(dx.base[left + i] == dy.base[row] * x.base[right + i], "\(build)")
          #expect(dx.base[right + i] == dy.base[row] * x.base[left + i], "\(build)")
          #expect(biasedDx.base[left + i] == dx.base[left + i], "\(build)")
        }
      }
    }
  }
}
