import Glibc

extension Reference {
  /// −log of the probability that rows spell `labels`, by adding up every path there is.
  ///
  /// +∞ where there is none. `Y^T` paths: for a handful of rows.
  package static func ctc(
    steps: Int, classes: Int, logits: [Double], labels: [Int], blank: Int
  ) -> Double {
    let rows = (0..<steps).map { t -> [Double] in
      let row = logits[t * classes..<(t + 1) * classes].map { exp($0) }
      let sum = row.reduce(0, +)
      return row.map { $0 / sum }
    }
    var total = 0.0
    var path = [Int](repeating: 0, count: steps)
    repeat {
      if spelled(path, blank: blank) == labels {
        total += path.indices.reduce(1) { $0 * rows[$1][path[$1]] }
      }
    } while advance(&path, classes)
    return -log(total)
  }

  /// A path with repeats merged and blanks dropped.
  package static func spelled(_ path: [Int], blank: Int) -> [Int] {
    path.indices.filter { path[$0] != blank && ($0 == 0 || path[$0] != path[$0 - 1]) }
      .map { path[$0] }
  }

  /// The next path in the order of an odometer; false after the last.
  private static func advance(_ path: inout [Int], _ classes: Int) -> Bool {
    for place in path.indices {
      path[place] += 1
      if path[place] < classes { return true }
      path[place] = 0
    }
    return false
  }
}
