extension ConstraintConfiguration {
  /// Reads `constraint`; empty where it is not given.
  static func list(_ value: ValueReader?) -> [ConstraintConfiguration] {
    value?.elements("a list of constraints")?
      .compactMap(ConstraintConfiguration.init(reading:)) ?? []
  }

  /// Reads one line of `constraint`; nil where it has no kind.
  init?(reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.constraint)
    let match = map.required("match")?.text("a pattern of names") ?? ""
    let kinds = Vocabulary.constraint.keys.filter { $0 != "match" }
    let given = kinds.compactMap { key in map.optional(key).map { (key, $0) } }
    guard given.count == 1 else {
      let found = given.isEmpty ? "none" : given.map(\.0).joined(separator: " and ")
      value.fail("expected one of \(kinds.joined(separator: ", ")), found \(found)")
      return nil
    }
    guard let kind = Kind(given[0].0, given[0].1) else { return nil }
    self.init(match: match, kind: kind)
  }
}

extension ConstraintConfiguration.Kind {
  fileprivate init?(_ key: String, _ value: ValueReader) {
    switch key {
    case "quantile":
      let map = MapReader(value, Vocabulary.constraintQuantile)
      let share = map.required("of")?.number(.fraction)
      let step = map.required("at")?.count(from: 1)
      guard let share, let step else { return nil }
      self = .quantile(of: share, at: step)
    case "samples":
      let map = MapReader(value, Vocabulary.constraintSamples)
      let share = map.required("of")?.number(.fraction)
      let step = map.required("at")?.count(from: 1)
      let count = map.optional("count")?.count(from: 1) ?? 1024
      guard let share, let step else { return nil }
      self = .samples(of: share, at: step, count: count)
    case "topK":
      guard let share = value.number(.fraction) else { return nil }
      self = .topK(share)
    default:
      guard let number = value.number(.positive) else { return nil }
      switch key {
      case "box": self = .box(number)
      case "maxNorm": self = .maxNorm(number)
      case "l1": self = .l1(number)
      default: self = .group(number)
      }
    }
  }
}

extension RunConfiguration {
  /// What is pruned stays so by its mask; a projection with a choice of its own would be a second one.
  func checkConstraints(_ map: MapReader) {
    guard pruning != nil else { return }
    for (index, constraint) in constraints.enumerated() {
      guard case .topK = constraint.kind else { continue }
      map.value.descend(["constraint", "\(index)", "topK"])?.fail(
        "topK chooses anew after every step which weights are 0, pruning once and for good; leave one of them out"
      )
    }
  }
}
