// Rules between sections.

extension RunConfiguration {
  /// Modalities, heads and sampling must name fields that the data section lists, where it lists any.
  func checkFields(_ map: MapReader) {
    let known = data.fields.map(\.name)
    guard !known.isEmpty else { return }
    for modality in model.modalities where !modality.field.isEmpty {
      check(modality.field, known, at: ["modalities", modality.name, "field"], map)
    }
    for head in model.heads where !head.target.isEmpty {
      check(head.target, known, at: ["heads", head.name, "target"], map)
    }
    for head in model.heads {
      guard let weights = head.weights else { continue }
      check(weights, known, at: ["heads", head.name, "weights"], map)
    }
    for (key, field) in model.coupling?.fields ?? [] {
      check(field, known, at: ["coupling", model.coupling?.objective.keyword ?? "", key], map)
    }
    if let sampling = data.sampling, !sampling.field.isEmpty {
      for field in sampling.fields where !field.isEmpty {
        check(field, known, at: ["data", "sampling"], map)
      }
    }
  }

  private func check(_ field: String, _ known: [String], at path: [String], _ map: MapReader) {
    guard !known.contains(field), let value = map.value.descend(path) else { return }
    value.fail(Spelling.unknown("field", field, known: known))
  }

  /// Metrics must have a meaning for a head, and chosen ones must be measured and be one number.
  func checkMetrics(_ map: MapReader) {
    // A loss of an unknown name has a stand-in, which says nothing about metrics.
    let problems = map.value.problems
    guard !model.heads.contains(where: { problems.has(at: "heads.\($0.name).loss") }) else {
      return
    }
    for (index, name) in evaluate.metrics.enumerated() {
      guard let metric = MetricName(rawValue: name), !model.heads.isEmpty,
        !model.heads.contains(where: { metric.fits($0.loss) })
      else { continue }
      map.value.descend(["evaluate", "metrics", "\(index)"])?
        .fail("`\(name)` has no meaning for the loss of any head")
    }
    if let stop = evaluate.earlyStop {
      checkChosen(stop.metric, at: ["evaluate", "earlyStop", "metric"], map)
    }
    if let best = evaluate.best { checkChosen(best, at: ["evaluate", "best"], map) }
    if case .plateau(let metric, _, _, _) = schedule.form {
      checkChosen(metric, at: ["schedule", "plateau", "metric"], map)
    }
  }

  /// `loss` and the metrics of a coupling, with or without its name.
  private func isOfCoupling(_ text: String) -> Bool {
    if text == "loss" { return true }
    let prefix = CouplingConfiguration.resultName + "."
    let name = text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
    return ((model.coupling?.metrics ?? []) + ["loss"]).contains(name)
  }

  /// A metric by which something is decided: `loss`, `METRIC` or `HEAD.METRIC`.
  private func checkChosen(_ text: String, at path: [String], _ map: MapReader) {
    guard let value = map.value.descend(path) else { return }
    if model.coupling != nil, isOfCoupling(text) { return }
    guard !model.heads.isEmpty else {
      // Without heads only a coupling measures anything.
      if let coupling = model.coupling {
        value.fail(Spelling.unknown("metric", text, known: coupling.metrics))
      }
      return
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard let last = parts.last, parts.count <= 2 else { return }
    var heads = model.heads
    if parts.count == 2 {
      heads = heads.filter { $0.name == parts[0] }
      if heads.isEmpty {
        return value.fail(
          Spelling.unknown("head", parts[0], known: model.heads.map(\.name)))
      }
    }
    guard let metric = MetricName(rawValue: last), metric.isScalar else {
      let known = MetricName.allCases.filter(\.isScalar).map(\.rawValue)
      return value.fail(Spelling.unknown("metric", last, known: known))
    }
    guard metric != .loss else { return }
    if !evaluate.metrics.isEmpty, !evaluate.metrics.contains(metric.rawValue) {
      return value.fail(
        "`\(metric.rawValue)` is not measured; add it to evaluate.metrics or choose one of: "
          + "loss, \(evaluate.metrics.joined(separator: ", "))")
    }
    let fitting = heads.filter { metric.fits($0.loss) }
    if fitting.isEmpty {
      value.fail("`\(text)` has no meaning for the loss of its head")
    } else if fitting.count > 1 {
      let choices = fitting.map { "\($0.name).\(metric.rawValue)" }.joined(separator: " or ")
      value.fail("several heads have `\(metric.rawValue)`; expected \(choices)")
    }
  }

  /// Warm-up must end within a run whose length is given in steps.
  func checkLength(_ map: MapReader) {
    guard case .steps(let steps) = train.length, schedule.warmupSteps > steps else { return }
    map.optional("schedule")?.fail(
      "expected warmupSteps of at most train.steps \(steps), found \(schedule.warmupSteps)")
  }
}

extension RunConfiguration {
  /// A second computation of a step would add its gradients to what is owed once more.
  func checkPolicy(_ map: MapReader) {
    guard case .topK = exchange.wire, train.nonFinite.reruns else { return }
    map.value.descend(["train", "nonFinite"])?.fail(
      "rerun cannot be used with exchange.wire topK, whose residuals every computation of a step changes; "
        + "use skip or rollback")
  }

  /// A node that sends the largest entries sends nothing of most dead weights, by whose gradient they come back.
  func checkRegrow(_ map: MapReader) {
    guard pruning?.regrow != nil, case .topK = exchange.wire else { return }
    map.value.descend(["pruning", "regrow"])?.fail(
      "weights come back by their whole gradient, of which exchange.wire topK sends a part; use another wire"
    )
  }

  /// Momentum correction stands in for the optimizer's own momentum, so that may not be there too.
  func checkWire(_ map: MapReader) {
    guard case .topK(_, let momentum, _) = exchange.wire, momentum > 0,
      let wire = map.value.descend(["exchange", "wire"]),
      let rule = map.value.descend(["optimizer"]), !map.value.problems.has(at: rule.path)
    else { return }
    if case .sgd(momentum: 0, _) = optimizer.rule { return }
    wire.fail(
      "momentum \(momentum) of topK stands in for the optimizer's; expected the optimizer sgd "
        + "without momentum, found \(optimizer.rule.name); or set topK.momentum to 0")
  }
}

extension OptimizerConfiguration.Rule {
  /// The rule as written, with its momentum where it has one.
  fileprivate var name: String {
    switch self {
    case .sgd(let momentum, _): "sgd with momentum \(momentum)"
    case .adam: "adam"
    case .adamW: "adamW"
    case .lamb: "lamb"
    case .lars: "lars"
    }
  }
}

extension MetricName {
  /// Whether the metric has a meaning for a head with this loss.
  public func fits(_ loss: LossConfiguration) -> Bool {
    switch (self, loss) {
    case (.loss, .bpr): false
    case (.loss, _): true
    case (.tokenErrorRate, _), (.characterErrorRate, _), (.wordErrorRate, _):
      loss.isTranscription
    case (_, .ctc), (_, .bpr): false
    case (.rmse, .meanSquaredError), (.mae, .meanSquaredError), (.r2, .meanSquaredError): true
    case (.rmse, .huber), (.mae, .huber), (.r2, .huber): true
    case (.rmse, _), (.mae, _), (.r2, _), (_, .meanSquaredError), (_, .huber): false
    case (.top5, .binaryCrossEntropy): false
    default: true
    }
  }
}

extension ValueReader {
  /// The value at a path below this one, or nil where there is none.
  func descend(_ path: [String]) -> ValueReader? {
    var current = self
    for key in path {
      let next: DocumentNode?
      switch current.node.content {
      case .map(let entries): next = entries.first { $0.key == key }?.value
      case .list(let elements):
        next = Int(key).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
      case .scalar: next = nil
      }
      guard let next else { return nil }
      let inner = current.path.isEmpty ? key : "\(current.path).\(key)"
      current = ValueReader(node: next, path: inner, problems: problems)
    }
    return current
  }
}
