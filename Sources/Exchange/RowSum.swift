/// The sum of some microbatches' gradients of a table, as far as rows were read: all others are +0.
struct RowSum: Equatable {
  /// The rows, ascending.
  var rows: [Int] = []
  /// Their scalars, `[rows.count, width]`.
  var values: [Float] = []

  /// The sum over consecutive microbatches, along ``SummationTree``.
  ///
  /// - Parameters:
  ///   - leaves: the gradients of all of them.
  ///   - width: scalars of a row.
  /// - Returns: what dense gradients would sum up to, in the rows that one of them has.
  static func tree(_ leaves: ArraySlice<RowSum>, width: Int) -> RowSum {
    guard leaves.count > 1 else { return leaves.first ?? RowSum() }
    var half = 1
    while half * 2 < leaves.count { half *= 2 }
    let middle = leaves.startIndex + half
    return add(
      tree(leaves[..<middle], width: width), tree(leaves[middle...], width: width), width: width)
  }

  /// The sum of two, row by row; where one lacks a row it adds +0, which makes -0 +0 as everywhere.
  private static func add(_ left: RowSum, _ right: RowSum, width: Int) -> RowSum {
    var sum = RowSum()
    sum.rows.reserveCapacity(left.rows.count + right.rows.count)
    sum.values.reserveCapacity(left.values.count + right.values.count)
    var (first, second) = (0, 0)
    while first < left.rows.count || second < right.rows.count {
      let one = first < left.rows.count ? left.rows[first] : Int.max
      let other = second < right.rows.count ? right.rows[second] : Int.max
      sum.rows.append(min(one, other))
      for column in 0..<width {
        let a = one <= other ? left.values[first * width + column] : 0
        let b = other <= one ? right.values[second * width + column] : 0
        sum.values.append(a + b)
      }
      if one <= other { first += 1 }
      if other <= one { second += 1 }
    }
    return sum
  }
}
