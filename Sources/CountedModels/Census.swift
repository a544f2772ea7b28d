import Configuration

/// How many interactions there are, in all and of each row, and the sum of their values.
struct Census {
  private(set) var count = 0
  /// In the order of the file, in Float64.
  private(set) var sum = 0.0
  private(set) var ofUsers: [Int32]
  private(set) var ofItems: [Int32]
  private var least = Float.infinity

  /// Counts all interactions.
  init(users: Int, items: Int, forEach: (AlternatingLeastSquares.Visit) throws -> Void) throws {
    var ofUsers = [Int32](repeating: 0, count: users)
    var ofItems = [Int32](repeating: 0, count: items)
    var (count, sum, least) = (0, 0.0, Float.infinity)
    try forEach { user, item, value in
      ofUsers[user] += 1
      ofItems[item] += 1
      count += 1
      sum += Double(value)
      least = min(least, value)
    }
    (self.ofUsers, self.ofItems) = (ofUsers, ofItems)
    (self.count, self.sum, self.least) = (count, sum, least)
  }

  /// Throws where the method has no meaning for the values.
  func check(_ settings: FactorizationConfiguration) throws(CountedModelError) {
    guard count > 0 else {
      throw CountedModelError(.data, "expected interactions to fit, found none")
    }
    guard !settings.isExplicit, least < 0 else { return }
    throw CountedModelError(
      .data,
      "implicitALS expected values of at least 0, which weigh interactions, found \(least); leave "
        + "`value` out, or use als for values that are to be predicted")
  }
}
