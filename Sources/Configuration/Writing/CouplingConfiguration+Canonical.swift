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
      ("temperature", temperature.canonical), ("weight", .number(weight)),
    ]
    if let maskSame { options.append(("maskSame", .text(maskSame))) }
    if let popularity { options.append(("popularity", .text(popularity))) }
    return .map([("infoNCE", .map(options))])
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
