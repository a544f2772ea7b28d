extension ConstraintConfiguration {
  /// One line of the section.
  var canonical: CanonicalWriter.Value {
    let argument: CanonicalWriter.Value =
      switch kind {
      case .box(let number), .maxNorm(let number), .l1(let number), .group(let number),
        .topK(let number):
        .number(number)
      case .quantile(let share, let step):
        .inline([("of", .number(share)), ("at", .number(step))])
      case .samples(let share, let step, let count):
        .inline([("of", .number(share)), ("at", .number(step)), ("count", .number(count))])
      }
    return .inline([("match", .text(match)), (kind.name, argument)])
  }
}
