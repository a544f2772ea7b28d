extension Reference {
  /// The distinct ids of a list below a limit, ascending, and the places of each.
  package static func groups(
    _ ids: [Int64], below limit: Int
  ) -> [(row: Int64, places: [Int])] {
    Set(ids).filter { $0 >= 0 && $0 < limit }.sorted().map { row in
      (row, ids.indices.filter { ids[$0] == row })
    }
  }

  /// The row of each id.
  package static func embedding(_ ids: [Int64], table: [Float], size: Int) -> [[Float]] {
    ids.map { id in (0..<size).map { table[Int(id) * size + $0] } }
  }

  /// What a list adds to each of the rows it has, ascending: one after the other, from +0.
  package static func rowSums(_ ids: [Int64], _ values: [[Float]], size: Int) -> [[Float]] {
    groups(ids, below: .max).map { group in
      (0..<size).map { column in
        group.places.reduce(Float(0)) { $0 + values[$1][column] }
      }
    }
  }
}
