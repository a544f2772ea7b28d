extension DataConfiguration {
  /// The data section with its defaults.
  var canonical: CanonicalWriter.Value {
    var entries: [(String, CanonicalWriter.Value)] = [
      ("files", .texts(files)),
      (
        "splits",
        .map(Vocabulary.splits.keys.compactMap { role in splits[role].map { (role, .text($0)) } })
      ),
    ]
    if !fields.isEmpty { entries.append(("fields", .map(fields.map { ($0.name, $0.canonical) }))) }
    if let shuffle { entries.append(("shuffle", .text(shuffle.rawValue))) }
    if let sampling { entries.append(("sampling", sampling.canonical)) }
    if let split { entries.append(("split", split.canonical)) }
    return .map(entries + [("prefetch", .number(prefetch))])
  }
}

extension SamplingConfiguration {
  fileprivate var canonical: CanonicalWriter.Value {
    if case .negatives(let item, let keep) = rule {
      var options: [(String, CanonicalWriter.Value)] = [
        ("user", .text(field)), ("item", .text(item)),
      ]
      if !keep.isEmpty { options.append(("keep", .texts(keep))) }
      return .inline([("negatives", .inline(options))])
    }
    var options: [(String, CanonicalWriter.Value)] = [("field", .text(field))]
    var name = "weighted"
    if case .balanced(let power) = rule {
      name = "balanced"
      options.append(("power", .number(power)))
    }
    if let samplesPerEpoch { options.append(("samplesPerEpoch", .number(samplesPerEpoch))) }
    return .inline([(name, .inline(options))])
  }
}

extension FieldConfiguration {
  fileprivate var canonical: CanonicalWriter.Value {
    var entries: [(String, CanonicalWriter.Value)] = [("dataset", .text(dataset))]
    if let kind { entries.append(("kind", .text(kind.rawValue))) }
    if let mean { entries.append(("mean", .numbers(mean))) }
    if let std { entries.append(("std", .numbers(std))) }
    if let classes { entries.append(("classes", .number(classes))) }
    return .map(entries)
  }
}

extension SplitConfiguration {
  fileprivate var canonical: CanonicalWriter.Value {
    if let fold, let folds {
      return .map([
        ("fold", .number(fold)), ("folds", .number(folds)), ("seed", .number(seed)),
      ])
    }
    return .map([
      ("validation", .number(validation)), ("test", .number(test)), ("seed", .number(seed)),
    ])
  }
}

extension TrainConfiguration.Length {
  /// The length under its key.
  var canonical: [(String, CanonicalWriter.Value)] {
    switch self {
    case .steps(let count): [("steps", .number(count))]
    case .epochs(let count): [("epochs", .number(count))]
    }
  }
}

extension TrainConfiguration {
  /// The rules of a step that may not change when a run is resumed.
  var rules: [(String, CanonicalWriter.Value)] {
    var entries: [(String, CanonicalWriter.Value)] = []
    if let clipNorm { entries.append(("clipNorm", .number(clipNorm))) }
    if let ema { entries.append(("ema", .number(ema))) }
    entries.append(("lastBatch", .text(lastBatch.rawValue)))
    // Left out like what is not set: runs of before there was a choice go on.
    if precision != .float32 { entries.append(("precision", .text(precision.rawValue))) }
    return entries
  }

  /// The whole section with its defaults.
  var canonical: CanonicalWriter.Value {
    let chosen: [(String, CanonicalWriter.Value)] =
      precision == .float32 ? [("precision", .text(precision.rawValue))] : []
    return .map(
      length.canonical + rules + chosen + [
        ("recompute", recompute.canonical), ("nonFinite", nonFinite.canonical),
      ])
  }
}

extension TrainConfiguration.Recomputation {
  fileprivate var canonical: CanonicalWriter.Value {
    switch self {
    case .none: .text("none")
    case .blocks(let count): .map([("blocks", .map([("count", .number(count))]))])
    case .layers(let count): .map([("layers", .map([("count", .number(count))]))])
    }
  }
}

extension NonFinitePolicy {
  fileprivate var canonical: CanonicalWriter.Value {
    switch self {
    case .abort: .text("abort")
    case .skip(let limits):
      .map([
        (
          "skip",
          .map([
            ("consecutive", .number(limits.consecutive)),
            ("perThousand", .number(limits.perThousand)),
          ])
        )
      ])
    case .rollback(let times): .map([("rollback", .map([("times", .number(times))]))])
    case .rerun(let then): .map([("rerun", .map([("then", then.canonical)]))])
    }
  }
}

extension CheckpointConfiguration {
  /// The checkpoint section with its defaults.
  var canonical: CanonicalWriter.Value {
    var entries: [(String, CanonicalWriter.Value)] = []
    if let everySteps { entries.append(("everySteps", .number(everySteps))) }
    if let everySeconds { entries.append(("everySeconds", .number(everySeconds))) }
    if let overhead { entries.append(("overhead", .number(overhead))) }
    entries.append(("keep", .number(keep)))
    if let keepEvery { entries.append(("keepEvery", .number(keepEvery))) }
    return .map(entries)
  }
}

extension EvaluateConfiguration {
  /// The evaluation section with its defaults.
  var canonical: CanonicalWriter.Value {
    var entries: [(String, CanonicalWriter.Value)] = []
    if let everyEpochs { entries.append(("everyEpochs", .number(everyEpochs))) }
    if let everySteps { entries.append(("everySteps", .number(everySteps))) }
    entries.append(("metrics", .texts(metrics)))
    if let subsets { entries.append(("subsets", subsets.canonical)) }
    if let stop = earlyStop {
      entries.append(
        (
          "earlyStop",
          .map([
            ("metric", .text(stop.metric)), ("patience", .number(stop.patience)),
            ("minimumChange", .number(stop.minimumChange)),
          ])
        ))
    }
    if let best { entries.append(("best", .text(best))) }
    entries.append(("decoder", decoder.canonical))
    return .map(entries)
  }
}
