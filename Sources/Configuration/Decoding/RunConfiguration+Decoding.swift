extension RunConfiguration {
  /// Reads a configuration file.
  ///
  /// - Parameters:
  ///   - path: the YAML file.
  ///   - overrides: `key.path=value` each, applied in order before decoding; values are YAML.
  /// - Returns: the configuration with defaults filled in.
  /// - Throws: ``ConfigurationError`` with everything that is wrong.
  public static func load(path: String, overrides: [String] = []) throws -> RunConfiguration {
    try decode(yaml: DocumentFile.text(path: path), name: path, overrides: overrides)
  }

  /// Reads a configuration from its text.
  ///
  /// - Parameters:
  ///   - yaml: the text.
  ///   - name: names the text in messages, as a file's name does.
  ///   - overrides: `key.path=value` each, applied in order before decoding; values are YAML.
  /// - Returns: the configuration with defaults filled in.
  /// - Throws: ``ConfigurationError`` with everything that is wrong.
  public static func decode(
    yaml: String, name: String, overrides: [String] = []
  ) throws -> RunConfiguration {
    let problems = Problems()
    let root = try DocumentNode.document(
      yaml: yaml, name: name, overrides: overrides, into: problems)
    let value = ValueReader(node: root, path: "", problems: problems)
    let configuration = RunConfiguration(reading: value)
    try problems.throwIfAny(name: name)
    return configuration
  }

  private init(reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.top)
    func section(_ key: String, _ section: KeySection) -> MapReader? {
      map.optional(key).map { MapReader($0, section) }
    }
    /// A section that must be given; without it an empty stand-in that tells nothing further.
    func needed(_ key: String, _ section: KeySection) -> MapReader {
      if let value = map.required(key) { return MapReader(value, section) }
      return MapReader(absentFrom: value, section)
    }
    self.init(
      name: map.required("name")?.name() ?? "", seed: map.optional("seed")?.seed() ?? 0,
      data: DataConfiguration(reading: needed("data", Vocabulary.data)),
      batch: BatchConfiguration(reading: needed("batch", Vocabulary.batch)),
      model: ModelConfiguration(reading: map),
      initialize: section("initialize", Vocabulary.initialize)
        .map(InitializeConfiguration.init(reading:)),
      optimizer: map.required("optimizer").flatMap(OptimizerConfiguration.init(reading:))
        ?? OptimizerConfiguration.standIn,
      schedule: map.optional("schedule").flatMap(ScheduleConfiguration.init(reading:))
        ?? ScheduleConfiguration(form: .constant, warmupSteps: 0),
      pruning: map.optional("pruning").map(PruningConfiguration.init(reading:)),
      constraints: ConstraintConfiguration.list(map.optional("constraint")),
      distillation: map.optional("distillation").map(DistillationConfiguration.init(reading:)),
      train: TrainConfiguration(reading: needed("train", Vocabulary.train)),
      checkpoint: CheckpointConfiguration(reading: section("checkpoint", Vocabulary.checkpoint)),
      evaluate: EvaluateConfiguration(reading: section("evaluate", Vocabulary.evaluate)),
      exchange: ExchangeConfiguration(reading: section("exchange", Vocabulary.exchange)),
      distributed: DistributedConfiguration(
        reading: section("distributed", Vocabulary.distributed)))
    checkFields(map)
    checkModalities(map)
    checkMetrics(map)
    checkLength(map)
    checkWire(map)
    checkPolicy(map)
    checkNegatives(map)
    checkRows(map)
    checkDistillation(map)
    checkConstraints(map)
    checkRegrow(map)
  }
}

extension OptimizerConfiguration {
  /// What stands where the optimizer could not be read; never leaves the decoder.
  fileprivate static var standIn: OptimizerConfiguration {
    OptimizerConfiguration(
      rule: .sgd(momentum: 0, nesterov: false), learningRate: 1, weightDecay: 0,
      weightDecayOn: nil, groups: [])
  }
}
