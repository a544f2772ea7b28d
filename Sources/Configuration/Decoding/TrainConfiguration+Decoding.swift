extension BatchConfiguration {
  init(reading map: MapReader) {
    self.init(
      global: map.required("global")?.integer(1...Int(Int32.max)) ?? Int(Int32.max),
      micro: map.optional("micro")?.integer(1...Int(Int32.max)))
    if let micro, micro > global {
      map.fail("micro", "expected at most global \(global), found \(micro)")
    }
  }
}

extension InitializeConfiguration {
  init(reading map: MapReader) {
    var names: [String: String] = [:]
    for (ours, value) in map.optional("rename")?.named("our names to the file's") ?? [] {
      names[ours] = value.text("a name in the file", mayBeEmpty: true)
    }
    self.init(
      from: map.required("from")?.text("a safetensors file") ?? "",
      include: map.optional("include")?.textList("patterns of names") ?? [],
      exclude: map.optional("exclude")?.textList("patterns of names") ?? [], rename: names)
  }
}

extension TrainConfiguration {
  init(reading map: MapReader) {
    let length: Length =
      switch map.exactlyOne(["epochs", "steps"]) {
      case "epochs": .epochs(map.optional("epochs")?.integer(1...1_000_000_000) ?? 1)
      case "steps": .steps(map.optional("steps")?.count(from: 0) ?? 1)
      default: .epochs(1)
      }
    self.init(
      length: length, clipNorm: map.optional("clipNorm")?.number(.positive),
      ema: map.optional("ema")?.number(.share),
      nonFinite: map.optional("nonFinite").flatMap { NonFinitePolicy(reading: $0) } ?? .abort,
      lastBatch: map.optional("lastBatch")?.choice("rule", of: LastBatch.self) ?? .keep,
      precision: map.optional("precision")?.choice("precision", of: Precision.self) ?? .float32,
      recompute: map.optional("recompute").flatMap { Recomputation(reading: $0) } ?? .none)
  }
}

extension TrainConfiguration.Recomputation {
  /// Reads what is computed a second time.
  init?(reading value: ValueReader) {
    guard let block = Block(value, sort: "recomputation", known: Vocabulary.recomputations) else {
      return nil
    }
    switch block.name {
    case "blocks":
      let map = block.options(Vocabulary.recomputedBlocks, shorthand: "count")
      self = .blocks(map.optional("count")?.integer(1...1_000_000) ?? 1)
    case "layers":
      let map = block.options(Vocabulary.recomputedLayers, shorthand: "count")
      self = .layers(map.required("count")?.integer(1...1_000_000) ?? 1)
    default:
      _ = block.options(Vocabulary.recomputedNothing)
      self = .none
    }
  }
}

extension NonFinitePolicy {
  /// Reads a policy; what follows a second computation cannot be another one.
  init?(reading value: ValueReader, isLast: Bool = false) {
    let known = Vocabulary.policies.filter { !isLast || $0.block != "rerun" }
    guard let block = Block(value, sort: "policy", known: known) else { return nil }
    let shorthand = ["rollback": "times", "rerun": "then"][block.name]
    let map = block.options(
      known.first { $0.block == block.name } ?? Vocabulary.abort, shorthand: shorthand)
    switch block.name {
    case "skip":
      let defaults = SkipLimits()
      self = .skip(
        SkipLimits(
          consecutive: map.optional("consecutive")?.count(from: 0) ?? defaults.consecutive,
          perThousand: map.optional("perThousand")?.integer(0...1000) ?? defaults.perThousand))
    case "rollback": self = .rollback(times: map.optional("times")?.integer(1...1000) ?? 3)
    case "rerun":
      let then = map.optional("then").flatMap { NonFinitePolicy(reading: $0, isLast: true) }
      self = .rerun(then: then ?? .abort)
    default: self = .abort
    }
  }
}

extension CheckpointConfiguration {
  init(reading map: MapReader?) {
    self.init(
      everySteps: map?.optional("everySteps")?.count(from: 1),
      everySeconds: map?.optional("everySeconds")?.number(.positive),
      overhead: map?.optional("overhead")?.number(.open),
      keep: map?.optional("keep")?.integer(2...1_000_000) ?? 2,
      keepEvery: map?.optional("keepEvery")?.count(from: 1))
    if let map, map.has("everySeconds"), map.has("overhead") {
      map.value.fail("expected one of everySeconds and overhead, found both")
    }
  }
}

extension ExchangeConfiguration {
  init(reading map: MapReader?) {
    self.init(
      bucketMiB: map?.optional("bucketMiB")?.number(.bucket),
      copies: map?.optional("copies")?.choice("sharing", of: Copies.self) ?? .node,
      progress: map?.optional("progress")?.choice("way", of: Progress.self) ?? .auto,
      wire: map?.optional("wire").flatMap(Wire.init(reading:)) ?? .float32)
  }
}

extension ExchangeConfiguration.Wire {
  /// Reads a form in which gradients travel between nodes.
  init?(reading value: ValueReader) {
    guard let block = Block(value, sort: "wire form", known: Vocabulary.wires) else {
      return nil
    }
    guard block.name == "topK" else {
      let section = block.name == "bfloat16" ? Vocabulary.bfloat16 : Vocabulary.float32
      _ = block.options(section)
      self = block.name == "bfloat16" ? .bfloat16 : .float32
      return
    }
    let map = block.options(Vocabulary.topK, shorthand: "density")
    self = .topK(
      density: map.optional("density")?.number(.fraction) ?? 0.01,
      momentum: map.optional("momentum")?.number(.share) ?? 0.9,
      warmupSteps: map.optional("warmupSteps")?.count(from: 0) ?? 400)
  }
}

extension DistributedConfiguration {
  init(reading map: MapReader?) {
    self.init(
      watchdogSeconds: Self.watchdogSeconds(map),
      checkEvery: map?.optional("checkEvery")?.integer(0...1_000_000_000) ?? 100)
  }

  /// What runs of both kinds have.
  static func watchdogSeconds(_ map: MapReader?) -> Int {
    map?.optional("watchdogSeconds")?.integer(0...604_800) ?? 120
  }
}

extension EvaluateConfiguration {
  init(reading map: MapReader?) {
    let steps = map?.optional("everySteps")?.count(from: 1)
    let epochs = map?.optional("everyEpochs")?.integer(1...1_000_000_000)
    if let map, map.has("everySteps"), map.has("everyEpochs") {
      map.value.fail("expected one of everyEpochs and everySteps, found both")
    }
    var stop: EarlyStop?
    if let value = map?.optional("earlyStop") { stop = EarlyStop(reading: value) }
    self.init(
      everyEpochs: map?.has("everySteps") == true ? nil : epochs ?? 1, everySteps: steps,
      metrics: Self.metrics(map?.optional("metrics")),
      subsets: map?.optional("subsets").flatMap(Subsets.init(reading:)), earlyStop: stop,
      best: map?.optional("best")?.text("a metric"),
      decoder: map?.optional("decoder").flatMap(DecoderConfiguration.init(reading:)) ?? .greedy)
  }

  private static func metrics(_ value: ValueReader?) -> [String] {
    var names: [String] = []
    for element in value?.elements("a list of metrics") ?? [] {
      guard let metric = element.choice("metric", of: MetricName.self) else { continue }
      if names.contains(metric.rawValue) {
        element.fail("`\(metric.rawValue)` is given twice")
      } else {
        names.append(metric.rawValue)
      }
    }
    return names
  }
}

extension EvaluateConfiguration.EarlyStop {
  init(reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.earlyStop)
    self.init(
      metric: map.required("metric")?.text("a metric") ?? MetricName.loss.rawValue,
      patience: map.required("patience")?.count(from: 1) ?? 1,
      minimumChange: map.optional("minimumChange")?.number(.nonNegative) ?? 0)
  }
}
