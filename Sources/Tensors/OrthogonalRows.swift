extension CounterRandom {
  /// Fills square blocks, each with orthonormal rows drawn evenly from all there are.
  ///
  /// Gram and Schmidt's method on normal numbers, in Float64 and in a fixed order, so that every
  /// machine gets the same bits (Saxe, McClelland and Ganguli 2014 on why).
  ///
  /// - Parameters:
  ///   - blocks: how many lie one behind the other.
  ///   - size: rows and columns of one.
  ///   - output: receives `[blocks, size, size]`.
  ///
  /// Cost: `2 · blocks · size³` operations. Allocates one block.
  public func fillOrthogonal(blocks: Int, size: Int, _ output: UnsafeMutablePointer<Float>) {
    // Rows in whole vectors, zeros behind.
    let width = (size + 7) / 8
    var rows = [SIMD8<Double>](repeating: .zero, count: size * width)
    for block in 0..<blocks {
      for row in 0..<size {
        for column in 0..<size {
          let value = normal(at: (block * size + row) * size + column)
          rows[row * width + column / 8][column % 8] = Double(value)
        }
      }
      rows.withUnsafeMutableBufferPointer { rows in
        for row in 0..<size { Self.settle(row, of: size, width: width, rows) }
      }
      for row in 0..<size {
        for column in 0..<size {
          output[(block * size + row) * size + column] =
            Float(rows[row * width + column / 8][column % 8])
        }
      }
    }
  }

  /// Gives row `row` length 1, and takes its direction out of the rows behind it.
  private static func settle(
    _ row: Int, of size: Int, width: Int, _ rows: UnsafeMutableBufferPointer<SIMD8<Double>>
  ) {
    func product(_ a: Int, _ b: Int) -> Double {
      var sum = SIMD8<Double>.zero
      for index in 0..<width { sum += rows[a * width + index] * rows[b * width + index] }
      return sum.sum()
    }
    let length = product(row, row).squareRoot()
    for index in 0..<width { rows[row * width + index] /= length }
    for other in row + 1..<max(size, row + 1) {
      let share = product(row, other)
      for index in 0..<width {
        rows[other * width + index] -= share * rows[row * width + index]
      }
    }
  }
}
