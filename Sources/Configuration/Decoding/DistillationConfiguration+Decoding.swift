extension DistillationConfiguration {
  /// Reads `distillation`.
  init(reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.distillation)
    var heads: [String: String] = [:]
    for (ours, value) in map.optional("heads")?.someNames("head", "our heads to the teachers'")
      ?? []
    {
      heads[ours] = value.text("a head of the teachers")
    }
    var hints: [String: Hint] = [:]
    for (layer, value) in map.optional("hints")?.somePaths("layer", "our layers to a teacher's")
      ?? []
    {
      let hint = MapReader(value, Vocabulary.hint)
      hints[layer] = Hint(
        layer: hint.optional("layer")?.text("the path of a teacher's layer") ?? layer,
        weight: hint.optional("weight")?.number(.positive) ?? 1,
        teacher: hint.optional("teacher")?.text("a run folder"))
    }
    self.init(
      teachers: map.required("teachers")?.texts("a run folder") ?? [],
      combine: map.optional("combine")?.choice("combination", of: Combination.self)
        ?? .probabilities,
      temperature: map.optional("temperature")?.number(.positive) ?? 4,
      alpha: map.optional("alpha")?.number(.unit) ?? 0.7, heads: heads,
      cache: map.optional("cache")?.text("a folder"), hints: hints)
  }
}

extension RunConfiguration {
  /// A teacher says something about whole samples of the data, as they are.
  func checkDistillation(_ map: MapReader) {
    guard let distillation, let value = map.value.descend(["distillation"]) else { return }
    if model.mixup != nil {
      value.fail(
        "teachers know the samples of the data and not their mixtures; leave mixup or distillation out"
      )
    }
    if data.sampling?.drawsNegatives == true {
      value.fail(
        "teachers know the samples of the data and not those with drawn negatives; leave data.sampling or "
          + "distillation out")
    }
    let fitting = model.heads.filter(\.loss.hasSoftTerm).map(\.name)
    for (name, _) in distillation.heads.sorted(by: { $0.key < $1.key }) {
      guard let place = value.descend(["heads", name]) else { continue }
      guard model.heads.contains(where: { $0.name == name }) else {
        place.fail(Spelling.unknown("head", name, known: model.heads.map(\.name)))
        continue
      }
      if !fitting.contains(name) {
        place.fail(
          "expected a head that predicts classes, answers or values; this one's loss is another")
      }
    }
    checkHints(distillation, value)
    guard distillation.heads.isEmpty, distillation.hints.isEmpty, fitting.isEmpty else { return }
    value.fail(
      "no head can learn from teachers; expected one that predicts classes, answers or values")
  }
}

extension RunConfiguration {
  /// A hint is of one of the teachers.
  private func checkHints(_ distillation: DistillationConfiguration, _ value: ValueReader) {
    for (layer, hint) in distillation.hints.sorted(by: { $0.key < $1.key }) {
      guard let place = value.descend(["hints", layer]) else { continue }
      if let teacher = hint.teacher {
        guard !distillation.teachers.contains(teacher) else { continue }
        place.fail(Spelling.unknown("teacher", teacher, known: distillation.teachers))
      } else if distillation.teachers.count > 1 {
        place.fail(
          "expected the teacher whose layer it is, since there are several; name one as teacher")
      }
    }
  }
}

extension LossConfiguration {
  /// Whether a head with this loss can learn from teachers.
  public var hasSoftTerm: Bool { !isTranscription && !comparesNegatives }
}
