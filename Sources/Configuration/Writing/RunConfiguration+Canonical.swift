extension RunConfiguration {
  /// The configuration with what depends on the number of ranks decided.
  ///
  /// A microbatch left out becomes the rank's share of the global batch, at least one sample.
  ///
  /// - Parameter ranks: R at the first launch, at least 1.
  /// - Returns: the configuration with `batch.micro` given.
  public func resolved(ranks: Int) -> RunConfiguration {
    precondition(ranks > 0, "a run has at least one rank")
    var result = self
    let share = max(1, batch.global / ranks)
    // A sample and its negative stay together.
    let whole = data.sampling?.drawsNegatives == true ? max(2, share - share % 2) : share
    result.batch.micro = batch.micro ?? whole
    return result
  }

  /// The whole configuration as YAML, every default written out, in one fixed form.
  ///
  /// It decodes to an equal value; equal values give equal text.
  public var resolvedYAML: String {
    var decided = beginning
    if let distillation { decided.append(("distillation", distillation.canonical)) }
    return CanonicalWriter.document(
      decided + [
        ("train", train.canonical),
        ("checkpoint", checkpoint.canonical), ("evaluate", evaluate.canonical),
        ("exchange", exchange.canonical),
        (
          "distributed",
          .map([
            ("watchdogSeconds", .number(distributed.watchdogSeconds)),
            ("checkEvery", .number(distributed.checkEvery)),
          ])
        ),
      ])
  }

  /// The text of everything that may not change when the run is resumed.
  ///
  /// Left out: `train.epochs`, `train.steps`, `train.nonFinite` and `train.recompute`, `checkpoint`, `evaluate`, `distributed`
  /// and of `exchange` all but `wire`. Data files count by their names, not their folders.
  public var identity: String {
    var copy = self
    copy.data.files = data.files.map { file in
      file.split(separator: "/").last.map(String.init) ?? file
    }
    var ending: [(String, CanonicalWriter.Value)] = []
    if let distillation { ending.append(("distillation", distillation.identity)) }
    ending += [
      ("train", .map(train.rules)), ("exchange", .map([("wire", exchange.wire.canonical)])),
    ]
    return CanonicalWriter.document(copy.beginning + ending)
  }

  /// The sections before `train`.
  private var beginning: [(String, CanonicalWriter.Value)] {
    var entries: [(String, CanonicalWriter.Value)] = [
      ("name", .text(name)), ("seed", .number(seed)), ("data", data.canonical),
      ("batch", batch.canonical),
      ("modalities", .map(model.modalities.map { ($0.name, $0.canonical) })),
    ]
    if let mixup = model.mixup {
      entries.append(("mixup", .map([("alpha", .number(mixup.alpha))])))
    }
    entries += [
      ("fusion", model.fusion.canonical), ("missing", model.missing.canonical),
    ]
    if let coupling = model.coupling { entries.append(("coupling", coupling.canonical)) }
    if !model.heads.isEmpty {
      entries.append(("heads", .map(model.heads.map { ($0.name, $0.canonical) })))
    }
    if let initialize { entries.append(("initialize", initialize.canonical)) }
    entries += [("optimizer", optimizer.canonical), ("schedule", schedule.canonical)]
    if let pruning { entries.append(("pruning", pruning.canonical)) }
    if !constraints.isEmpty {
      entries.append(("constraint", .lines(constraints.map(\.canonical))))
    }
    return entries
  }
}

extension ExchangeConfiguration {
  fileprivate var canonical: CanonicalWriter.Value {
    var entries: [(String, CanonicalWriter.Value)] = []
    if let bucketMiB { entries.append(("bucketMiB", .number(bucketMiB))) }
    return .map(
      entries + [
        ("copies", .text(copies.rawValue)), ("progress", .text(progress.rawValue)),
        ("wire", wire.canonical),
      ])
  }
}

extension ExchangeConfiguration.Wire {
  fileprivate var canonical: CanonicalWriter.Value {
    switch self {
    case .float32: .text("float32")
    case .bfloat16: .text("bfloat16")
    case .topK(let density, let momentum, let warmupSteps):
      .map([
        (
          "topK",
          .map([
            ("density", .number(density)), ("momentum", .number(momentum)),
            ("warmupSteps", .number(warmupSteps)),
          ])
        )
      ])
    }
  }
}

extension BatchConfiguration {
  fileprivate var canonical: CanonicalWriter.Value {
    var entries: [(String, CanonicalWriter.Value)] = [("global", .number(global))]
    if let micro { entries.append(("micro", .number(micro))) }
    return .map(entries)
  }
}

extension ModalityConfiguration {
  fileprivate var canonical: CanonicalWriter.Value {
    .map([("field", .text(field)), ("encoder", .lines(encoder.map(\.canonical)))])
  }
}

extension HeadConfiguration {
  fileprivate var canonical: CanonicalWriter.Value {
    var entries: [(String, CanonicalWriter.Value)] = [
      ("from", .text(source ?? Self.fusion)), ("layers", .lines(layers.map(\.canonical))),
      ("loss", loss.canonical),
    ]
    if !loss.comparesNegatives { entries.append(("target", .text(target))) }
    entries.append(("weight", .number(weight)))
    if let weights { entries.append(("weights", .text(weights))) }
    return .map(entries)
  }
}

extension InitializeConfiguration {
  fileprivate var canonical: CanonicalWriter.Value {
    let names = rename.sorted { $0.key < $1.key }
    return .map([
      ("from", .text(from)), ("include", .texts(include)), ("exclude", .texts(exclude)),
      ("rename", .map(names.map { ($0.key, .text($0.value)) })),
    ])
  }
}
