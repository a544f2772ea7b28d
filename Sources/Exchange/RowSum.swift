/// The sum of some microbatches' gradients of a table, as far as rows were read: all others are +0.
///
/// A view: rows and scalars lie in memory of whoever made it.
struct RowSum {
  /// The rows, ascending.
  var rows = UnsafeBufferPointer<Int64>(start: nil, count: 0)
  /// Their scalars, `[rows.count, width]`; nil for none.
  var values: UnsafeMutablePointer<Float>?
}

/// Adds up microbatches' gradients along ``SummationTree``, in memory that is used again in every step.
struct RowTree: ~Copyable {
  private var memory = (Level(), Level())

  /// Sums of one level of the tree.
  private final class Level {
    var rows = GrowingBuffer<Int64>()
    var values = GrowingBuffer<Float>()

    /// Makes sure that nothing moves while `rows` rows are written.
    func reserve(rows count: Int, width: Int) {
      rows.removeAll()
      values.removeAll()
      _ = rows.extend(by: count)
      _ = values.extend(by: count * width)
      rows.removeAll()
      values.removeAll()
    }
  }

  /// The sum over consecutive microbatches.
  ///
  /// The tree adds neighbours level by level, and what has no neighbour goes up as it is.
  ///
  /// - Parameters:
  ///   - leaves: the gradients of all of them.
  ///   - width: scalars of a row.
  /// - Returns: what dense gradients would sum up to, in the rows that one of them has; valid until the next
  ///   call, and as long as `leaves` where there is one.
  mutating func sum(_ leaves: [RowSum], width: Int) -> RowSum {
    var sums = leaves
    while sums.count > 1 {
      swap(&memory.0, &memory.1)
      let level = memory.0
      level.reserve(rows: sums.reduce(0) { $0 + $1.rows.count }, width: width)
      sums = stride(from: 0, to: sums.count, by: 2).map {
        add(sums[$0], $0 + 1 < sums.count ? sums[$0 + 1] : RowSum(), width, level)
      }
    }
    return sums.first ?? RowSum()
  }

  /// The sum of two, row by row.
  ///
  /// Where one lacks a row it would add +0, which changes nothing: a sum that begins with +0 is never -0.
  private func add(_ left: RowSum, _ right: RowSum, _ width: Int, _ level: Level) -> RowSum {
    let (firstRow, firstScalar) = (level.rows.count, level.values.count)
    var (first, second) = (0, 0)
    while first < left.rows.count || second < right.rows.count {
      let one = first < left.rows.count ? left.rows[first] : .max
      let other = second < right.rows.count ? right.rows[second] : .max
      level.rows.append(min(one, other))
      let target = level.values.extend(by: width)
      if one <= other, let values = left.values {
        target.update(from: values + first * width, count: width)
        first += 1
      }
      if other <= one, let values = right.values {
        let source = values + second * width
        if one == other {
          for column in 0..<width { target[column] += source[column] }
        } else {
          target.update(from: source, count: width)
        }
        second += 1
      }
    }
    return RowSum(
      rows: UnsafeBufferPointer(
        start: level.rows.base + firstRow, count: level.rows.count - firstRow),
      values: level.values.base + firstScalar)
  }
}
