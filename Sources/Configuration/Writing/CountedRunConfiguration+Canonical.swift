extension CountedRunConfiguration {
  /// The whole configuration as YAML, every default written out, in one fixed form.
  ///
  /// It decodes to an equal value; equal values give equal text.
  public var resolvedYAML: String {
    CanonicalWriter.document(
      beginning(withSweeps: true) + [
        ("checkpoint", checkpoint.canonical), ("evaluate", evaluate.canonical),
        ("distributed", .map([("watchdogSeconds", .number(watchdogSeconds))])),
      ])
  }

  /// The text of everything that may not change when the run is resumed.
  ///
  /// Left out: `sweeps`, `checkpoint`, `evaluate` and `distributed`. Data files count by their names, not their folders.
  public var identity: String {
    var copy = self
    copy.data.files = data.files.map { file in
      file.split(separator: "/").last.map(String.init) ?? file
    }
    return CanonicalWriter.document(copy.beginning(withSweeps: false))
  }

  private func beginning(withSweeps: Bool) -> [(String, CanonicalWriter.Value)] {
    [
      ("name", .text(name)), ("seed", .number(seed)), ("data", data.canonical),
      ("factorization", factorization.canonical(withSweeps: withSweeps)),
    ]
  }
}

extension FactorizationConfiguration {
  fileprivate func canonical(withSweeps: Bool) -> CanonicalWriter.Value {
    var options: [(String, CanonicalWriter.Value)] = [("user", .text(user)), ("item", .text(item))]
    if let value { options.append(("value", .text(value))) }
    options += [("factors", .number(factors)), ("regularization", .number(regularization))]
    if withSweeps { options.append(("sweeps", .number(sweeps))) }
    options.append(("deviation", .number(deviation)))
    switch method {
    case .als(let biases, let weighted, let biasRegularization):
      options += [
        ("biases", .flag(biases)), ("weighted", .flag(weighted)),
        ("biasRegularization", .number(biasRegularization)),
      ]
    case .implicitALS(let alpha): options.append(("alpha", .number(alpha)))
    }
    return .map([(method.keyword, .map(options))])
  }
}

extension CountedEvaluateConfiguration {
  fileprivate var canonical: CanonicalWriter.Value {
    var entries: [(String, CanonicalWriter.Value)] = [
      ("everySteps", .number(everySteps)), ("metrics", .texts(metrics)),
    ]
    if let relevant { entries.append(("relevant", .number(relevant))) }
    return .map(entries)
  }
}
