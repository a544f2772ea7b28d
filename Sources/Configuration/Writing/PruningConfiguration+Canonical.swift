extension PruningConfiguration {
  /// The section with everything written out.
  var canonical: CanonicalWriter.Value {
    var options: [(String, CanonicalWriter.Value)] = [
      ("schedule", schedule.canonical), ("scope", scope.canonical),
      ("criterion", .text(criterion.rawValue)),
    ]
    if pattern != .single { options.append(("pattern", pattern.canonical)) }
    if !include.isEmpty { options.append(("include", .texts(include))) }
    if !exclude.isEmpty { options.append(("exclude", .texts(exclude))) }
    options += [
      ("embeddings", .flag(embeddings)), ("lastLayers", .flag(lastLayers)),
      ("keepAtLeast", .number(keepAtLeast)),
    ]
    if let regrow {
      let parts: [(String, CanonicalWriter.Value)] = [
        ("fraction", .number(regrow.fraction)), ("every", .number(regrow.every)),
        ("until", .number(regrow.until)),
      ]
      options.append(("regrow", .map(parts)))
    }
    return .map(options)
  }
}

extension PruningConfiguration.Scope {
  fileprivate var canonical: CanonicalWriter.Value {
    switch self {
    case .global: .text("global")
    case .layer: .text("layer")
    case .groups(let patterns): .map([("groups", .texts(patterns))])
    }
  }
}

extension PruningConfiguration.Pattern {
  fileprivate var canonical: CanonicalWriter.Value {
    switch self {
    case .single: .text("single")
    case .group(let keep, let of):
      .map([("group", .map([("keep", .number(keep)), ("of", .number(of))]))])
    case .block(let outputs, let inputs):
      .map([("block", .list([.number(outputs), .number(inputs)]))])
    }
  }
}

extension PruningConfiguration.Schedule {
  fileprivate var canonical: CanonicalWriter.Value {
    let (name, options) = parts
    return .map([(name, .map(options))])
  }

  private var parts: (String, [(String, CanonicalWriter.Value)]) {
    switch self {
    case .polynomial(let initial, let final, let begin, let end, let every, let power):
      return (
        "polynomial",
        [
          ("initial", .number(initial)), ("final", .number(final)), ("begin", .number(begin)),
          ("end", .number(end)), ("every", .number(every)), ("power", .number(power)),
        ]
      )
    case .constant(let sparsity, let begin, let end, let every):
      var options: [(String, CanonicalWriter.Value)] = [
        ("sparsity", .number(sparsity)), ("begin", .number(begin)),
      ]
      if let end { options.append(("end", .number(end))) }
      return ("constant", options + [("every", .number(every))])
    case .oneShot(let sparsity, let step):
      return ("oneShot", [("sparsity", .number(sparsity)), ("at", .number(step))])
    case .iterative(let final, let fraction, let begin, let every, let rewind):
      var options: [(String, CanonicalWriter.Value)] = [
        ("final", .number(final)), ("fraction", .number(fraction)), ("begin", .number(begin)),
        ("every", .number(every)),
      ]
      if let rewind { options.append(("rewind", rewind.canonical)) }
      return ("iterative", options)
    }
  }
}

extension PruningConfiguration.Rewind {
  fileprivate var canonical: CanonicalWriter.Value {
    switch self {
    case .weights(let step): .map([("weights", .number(step))])
    case .learningRate(let step): .map([("learningRate", .number(step))])
    }
  }
}
