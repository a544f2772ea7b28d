extension CouplingConfiguration {
  /// The coupling with all its options.
  var canonical: CanonicalWriter.Value {
    let sides = [first, second]
    var options: [(String, CanonicalWriter.Value)] = [
      ("between", .texts(sides.map(\.modality))),
      (
        "projections",
        .map(sides.map { ($0.modality, .lines($0.projection.map(\.canonical))) })
      ),
    ]
    guard case .infoNCE(let contrast) = objective else {
      return .map([(objective.keyword, .map(options + [("weight", .number(weight))]))])
    }
    options += [("temperature", contrast.temperature.canonical), ("weight", .number(weight))]
    if let field = contrast.maskSame { options.append(("maskSame", .text(field))) }
    if let field = contrast.popularity { options.append(("popularity", .text(field))) }
    return .map([(objective.keyword, .map(options))])
  }
}

extension CouplingConfiguration.Temperature {
  fileprivate var canonical: CanonicalWriter.Value {
    switch self {
    case .fixed(let value): .number(value)
    case .learned(let initial, let most):
      .inline([("initial", .number(initial)), ("maximumScale", .number(most))])
    }
  }
}
