extension CountedRunConfiguration {
  /// Reads a counted run.
  init(reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.countedTop)
    var data = DataConfiguration(files: [])
    if let reader = map.required("data") {
      data = DataConfiguration(reading: MapReader(reader, Vocabulary.data))
    }
    self.init(
      name: map.required("name")?.name() ?? "", seed: map.optional("seed")?.seed() ?? 0,
      data: data,
      factorization: map.required("factorization")
        .flatMap(FactorizationConfiguration.init(reading:)) ?? .standIn,
      checkpoint: CheckpointConfiguration(
        reading: map.optional("checkpoint").map { MapReader($0, Vocabulary.checkpoint) }),
      evaluate: CountedEvaluateConfiguration(
        reading: map.optional("evaluate").map { MapReader($0, Vocabulary.countedEvaluate) }),
      watchdogSeconds: DistributedConfiguration.watchdogSeconds(
        map.optional("distributed").map { MapReader($0, Vocabulary.countedDistributed) }))
    checkFields(map)
    checkMetrics(map)
  }

  /// The factorization must name fields that the data section lists, where it lists any.
  private func checkFields(_ map: MapReader) {
    let known = data.fields.map(\.name)
    guard !known.isEmpty else { return }
    let keys = [("user", factorization.user), ("item", factorization.item)]
    for (key, field) in keys + (factorization.value.map { [("value", $0)] } ?? [])
    where !field.isEmpty && !known.contains(field) {
      map.value.descend(["factorization", factorization.method.keyword, key])?
        .fail(Spelling.unknown("field", field, known: known))
    }
  }

  /// Errors of values need values.
  private func checkMetrics(_ map: MapReader) {
    guard case .implicitALS = factorization.method else { return }
    for (index, name) in evaluate.metrics.enumerated() where MetricName(rawValue: name) != nil {
      map.value.descend(["evaluate", "metrics", "\(index)"])?
        .fail("`\(name)` has no meaning for implicitALS, which predicts no values")
    }
  }
}

extension FactorizationConfiguration {
  /// What stands where the factorization could not be read; never leaves the decoder.
  fileprivate static var standIn: FactorizationConfiguration {
    FactorizationConfiguration(
      method: .als(biases: true, weighted: true, biasRegularization: 0.1), user: "", item: "",
      value: nil, factors: 1, regularization: 0.1, sweeps: 1, deviation: 0.1)
  }

  init?(reading value: ValueReader) {
    guard
      let block = Block(
        value, sort: "factorization", known: Vocabulary.factorizations)
    else { return nil }
    let isExplicit = block.name == Vocabulary.als.block
    let map = block.options(isExplicit ? Vocabulary.als : Vocabulary.implicitALS)
    let valueField = isExplicit ? map.required("value") : map.optional("value")
    let regularization = map.optional("regularization")?.number(.nonNegative) ?? 0.1
    self.init(
      method: isExplicit
        ? .als(
          biases: map.optional("biases")?.flag() ?? true,
          weighted: map.optional("weighted")?.flag() ?? true,
          biasRegularization: map.optional("biasRegularization")?.number(.nonNegative)
            ?? regularization)
        : .implicitALS(alpha: map.optional("alpha")?.number(.positive) ?? 40),
      user: map.required("user")?.text("a field's name") ?? "",
      item: map.required("item")?.text("a field's name") ?? "",
      value: valueField?.text("a field's name"),
      factors: map.optional("factors")?.integer(1...Self.mostFactors) ?? 32,
      regularization: regularization,
      sweeps: map.optional("sweeps")?.integer(1...1_000_000) ?? 15,
      deviation: map.optional("deviation")?.number(.positive) ?? 0.1)
    guard !user.isEmpty, user == item else { return }
    map.fail("item", "expected another field than user, found `\(item)` for both")
  }

  /// The longest vectors: a system of k equations takes 8 k² bytes and k³ / 3 operations.
  private static let mostFactors = 4096
}

extension CountedEvaluateConfiguration {
  init(reading map: MapReader?) {
    self.init(
      everySteps: map?.optional("everySteps")?.count(from: 1) ?? 1,
      metrics: Self.metrics(map?.optional("metrics")),
      relevant: map?.optional("relevant")?.number(.any))
  }

  /// The names of metrics of values or of rankings.
  private static func metrics(_ value: ValueReader?) -> [String] {
    var names: [String] = []
    for element in value?.elements("a list of metrics") ?? [] {
      guard let name = element.text("a metric") else { continue }
      let known = [MetricName.loss, .rmse, .mae, .r2].map(\.rawValue)
      let measures = RankingMetricName.Measure.allCases.map { "\($0.rawValue)@10" }
      if names.contains(name) {
        element.fail("`\(name)` is given twice")
      } else if known.contains(name) || RankingMetricName(name) != nil {
        names.append(name)
      } else {
        element.fail(Spelling.unknown("metric", name, known: known + measures))
      }
    }
    return names
  }
}
