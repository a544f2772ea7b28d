extension PruningConfiguration {
  /// Reads `pruning`.
  init(reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.pruning)
    let patterns = "patterns of names"
    let pattern = map.optional("pattern").flatMap(Pattern.init(reading:)) ?? .single
    self.init(
      schedule: map.required("schedule").flatMap { Schedule(reading: $0, pattern) }
        ?? .oneShot(sparsity: 0.5, at: 1),
      scope: map.optional("scope").flatMap(Scope.init(reading:)) ?? .global,
      criterion: map.optional("criterion")?.choice("criterion", of: Criterion.self) ?? .magnitude,
      pattern: pattern,
      include: map.optional("include")?.texts(patterns) ?? [],
      exclude: map.optional("exclude")?.texts(patterns) ?? [],
      embeddings: map.optional("embeddings")?.flag() ?? false,
      lastLayers: map.optional("lastLayers")?.flag() ?? false,
      keepAtLeast: map.optional("keepAtLeast")?.number(.share) ?? 0.001,
      regrow: map.optional("regrow").flatMap(Regrow.init(reading:)))
    checkRegrow(map)
    guard criterion.followsGradients else { return }
    if pattern != .single {
      map.fail(
        "criterion",
        "\(criterion.rawValue) is known of single weights only, where their owners are; with a pattern use "
          + "magnitude or lamp")
    }
    guard schedule.firstStep < 1, !value.problems.has(at: map.path("schedule")) else { return }
    map.fail(
      "criterion",
      "\(criterion.rawValue) needs the gradient of a step, but the schedule prunes before the first; "
        + "begin at step 1 or later")
  }
}

extension PruningConfiguration {
  /// What comes back was worth nothing by any criterion but its weight, and nothing may go back to a time before.
  private func checkRegrow(_ map: MapReader) {
    guard regrow != nil, !map.value.problems.has(at: map.path("schedule")) else { return }
    if criterion != .magnitude {
      map.fail(
        "regrow",
        "expected the criterion magnitude, by which weights are given up for others, found \(criterion.rawValue)"
      )
    }
    if pattern != .single {
      map.fail(
        "regrow",
        "single weights come back, which a pattern takes away together; leave one of them out")
    }
    if case .iterative(_, _, _, _, .some) = schedule {
      map.fail(
        "regrow",
        "rewind goes back to the weights of a mask that regrow exchanges; leave one of them out")
    }
  }
}

extension PruningConfiguration.Regrow {
  init?(reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.regrow)
    let fraction = map.optional("fraction")?.number(.fraction) ?? 0.3
    let every = map.required("every")?.count(from: 1)
    let until = map.required("until")?.count(from: 1)
    guard let every, let until else { return nil }
    self.init(fraction: fraction, every: every, until: until)
  }
}

extension PruningConfiguration.Pattern {
  init?(reading value: ValueReader) {
    guard let block = Block(value, sort: "pattern", known: Vocabulary.pruningPatterns) else {
      return nil
    }
    switch block.name {
    case "group":
      let map = block.options(Vocabulary.groupPattern)
      let of = map.required("of")?.integer(2...64)
      guard let of, let keep = map.required("keep")?.integer(1...of - 1) else { return nil }
      self = .group(keep: keep, of: of)
    case "block":
      let map = block.options(Vocabulary.blockPattern, shorthand: "size")
      guard let size = map.required("size")?.pair(from: 1) else { return nil }
      self = .block(outputs: size[0], inputs: size[1])
    default:
      _ = block.options(Vocabulary.singlePattern)
      self = .single
    }
  }

  /// The share of weights that are zero in every whole group; nil where that is free.
  public var sparsity: Double? {
    guard case .group(let keep, let of) = self else { return nil }
    return 1 - Double(keep) / Double(of)
  }
}

extension PruningConfiguration.Scope {
  init?(reading value: ValueReader) {
    guard let block = Block(value, sort: "scope", known: Vocabulary.pruningScopes) else {
      return nil
    }
    switch block.name {
    case "layer":
      _ = block.options(Vocabulary.layerScope)
      self = .layer
    case "groups":
      let map = block.options(Vocabulary.groupsScope, shorthand: "patterns")
      self = .groups(map.required("patterns")?.texts("a pattern of names") ?? [])
    default:
      _ = block.options(Vocabulary.globalScope)
      self = .global
    }
  }
}

extension PruningConfiguration.Schedule {
  /// Reads how much is pruned when; with groups that is once, and as much as they say.
  init?(reading value: ValueReader, _ pattern: PruningConfiguration.Pattern) {
    let known = Vocabulary.pruningSchedules
    guard let block = Block(value, sort: "pruning schedule", known: known) else { return nil }
    let map = block.options(
      known.first { $0.block == block.name } ?? Vocabulary.oneShot)
    if let share = pattern.sparsity {
      guard block.name == "oneShot" else {
        value.fail(
          "groups are pruned once, to what they keep; expected oneShot with its step `at`, found "
            + block.name)
        return nil
      }
      if let found = map.optional("sparsity")?.number(.share), found != share {
        map.fail("sparsity", "the groups make it \(share), found \(found); leave it out")
      }
      self = .oneShot(sparsity: share, at: map.required("at")?.count(from: 0) ?? 0)
      return
    }
    switch block.name {
    case "polynomial": self = .polynomial(reading: map)
    case "constant":
      let begin = map.optional("begin")?.count(from: 0) ?? 0
      let end = map.optional("end")?.count(from: 0)
      Self.checkOrder(begin, end, map)
      self = .constant(
        sparsity: map.required("sparsity")?.number(.share) ?? 0, begin: begin, end: end,
        every: map.optional("every")?.count(from: 1) ?? Self.usualInterval)
    case "iterative": self = .iterative(reading: map)
    default:
      self = .oneShot(
        sparsity: map.required("sparsity")?.number(.share) ?? 0,
        at: map.required("at")?.count(from: 0) ?? 0)
    }
  }

  /// tfmot's `frequency`.
  private static let usualInterval = 100

  private static func polynomial(reading map: MapReader) -> Self {
    let begin = map.optional("begin")?.count(from: 0) ?? 0
    let end = map.required("end")?.count(from: 0)
    checkOrder(begin, end, map)
    let initial = map.optional("initial")?.number(.share) ?? 0
    let final = map.required("final")?.number(.share)
    if let final, final < initial {
      map.fail(
        "final", "expected at least initial \(initial), found \(final): what is pruned stays so")
    }
    return .polynomial(
      initial: initial, final: final ?? initial, begin: begin, end: end ?? begin,
      every: map.optional("every")?.count(from: 1) ?? usualInterval,
      power: map.optional("power")?.number(.positive) ?? 3)
  }

  private static func iterative(reading map: MapReader) -> Self {
    let begin = map.required("begin")?.count(from: 0)
    let rewind = map.optional("rewind").flatMap(PruningConfiguration.Rewind.init(reading:))
    if let begin, let rewind, rewind.step >= begin {
      map.fail("rewind", "expected a step before begin \(begin), found \(rewind.step)")
    }
    return .iterative(
      final: map.required("final")?.number(.share) ?? 0,
      fraction: map.optional("fraction")?.number(.open) ?? 0.2, begin: begin ?? 0,
      every: map.required("every")?.count(from: 1) ?? 1, rewind: rewind)
  }

  private static func checkOrder(_ begin: Int, _ end: Int?, _ map: MapReader) {
    guard let end, end < begin else { return }
    map.fail("end", "expected at least begin \(begin), found \(end)")
  }

  /// The step after which is pruned first.
  var firstStep: Int {
    switch self {
    case .polynomial(_, _, let begin, _, _, _), .constant(_, let begin, _, _),
      .iterative(_, _, let begin, _, _):
      begin
    case .oneShot(_, let step): step
    }
  }
}

extension PruningConfiguration.Rewind {
  init?(reading value: ValueReader) {
    guard let block = Block(value, sort: "rewind", known: Vocabulary.rewinds) else { return nil }
    let isWeights = block.name == Vocabulary.rewindWeights.block
    let map = block.options(
      isWeights ? Vocabulary.rewindWeights : Vocabulary.rewindLearningRate, shorthand: "to")
    let step = map.required("to")?.count(from: 0) ?? 0
    self = isWeights ? .weights(to: step) : .learningRate(to: step)
  }
}
