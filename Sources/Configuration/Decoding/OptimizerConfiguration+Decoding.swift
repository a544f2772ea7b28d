extension OptimizerConfiguration {
  /// Reads an update rule with its constants.
  init?(reading value: ValueReader) {
    guard let block = Block(value, sort: "optimizer", known: Vocabulary.optimizers)
    else { return nil }
    let section = Vocabulary.optimizers.first { $0.block == block.name } ?? Vocabulary.sgd
    let map = block.options(section)
    self.init(
      rule: Self.rule(block.name, map),
      learningRate: map.required("learningRate")?.number(.positive) ?? 1,
      weightDecay: map.optional("weightDecay")?.number(.nonNegative)
        ?? (block.name == "adamW" ? 0.01 : 0),
      weightDecayOn: map.optional("weightDecayOn")?.textList("patterns of names"),
      groups: map.optional("groups")?.elements("a list of groups")?
        .map(Group.init(reading:)) ?? [])
  }

  private static func rule(_ name: String, _ map: MapReader) -> Rule {
    switch name {
    case "adam":
      let (beta1, beta2, epsilon) = moments(map, epsilon: 1e-8)
      return .adam(beta1: beta1, beta2: beta2, epsilon: epsilon)
    case "adamW":
      let (beta1, beta2, epsilon) = moments(map, epsilon: 1e-8)
      return .adamW(beta1: beta1, beta2: beta2, epsilon: epsilon)
    case "lamb":
      let (beta1, beta2, epsilon) = moments(map, epsilon: 1e-6)
      return .lamb(beta1: beta1, beta2: beta2, epsilon: epsilon)
    case "lars":
      return .lars(
        momentum: map.optional("momentum")?.number(.share) ?? 0.9,
        trust: map.optional("trust")?.number(.positive) ?? 0.001,
        epsilon: map.optional("epsilon")?.number(.nonNegative) ?? 1e-8)
    default:
      let momentum = map.optional("momentum")?.number(.share) ?? 0
      let nesterov = map.optional("nesterov")?.flag() ?? false
      if nesterov, momentum == 0 {
        map.fail("nesterov", "needs a momentum above 0")
      }
      return .sgd(momentum: momentum, nesterov: nesterov)
    }
  }

  private static func moments(_ map: MapReader, epsilon: Double) -> (Double, Double, Double) {
    (
      map.optional("beta1")?.number(.share) ?? 0.9,
      map.optional("beta2")?.number(.share) ?? 0.999,
      map.optional("epsilon")?.number(.positive) ?? epsilon
    )
  }
}

extension OptimizerConfiguration.Group {
  init(reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.group)
    self.init(
      match: map.required("match")?.text("a pattern of names") ?? "",
      learningRate: map.optional("learningRate")?.number(.nonNegative),
      weightDecay: map.optional("weightDecay")?.number(.nonNegative),
      freeze: map.optional("freeze")?.flag() ?? false)
    if freeze, map.has("learningRate") || map.has("weightDecay") {
      value.fail("a frozen group has no learningRate or weightDecay")
    } else if map.has("match"), !freeze, !map.has("learningRate"), !map.has("weightDecay") {
      value.fail("expected learningRate, weightDecay or freeze: true, found only match")
    }
  }
}

extension ScheduleConfiguration {
  /// Reads how the learning rate moves.
  init?(reading value: ValueReader) {
    guard let block = Block(value, sort: "schedule", known: Vocabulary.schedules)
    else { return nil }
    let section = Vocabulary.schedules.first { $0.block == block.name } ?? Vocabulary.constant
    let map = block.options(section)
    self.init(
      form: Self.form(block.name, map),
      warmupSteps: map.optional("warmupSteps")?.count(from: 0) ?? 0)
  }

  private static func form(_ name: String, _ map: MapReader) -> Form {
    switch name {
    case "step":
      return .step(
        milestones: milestones(map), gamma: map.optional("gamma")?.number(.fraction) ?? 0.1)
    case "cosine":
      return .cosine(final: map.optional("final")?.number(.unit) ?? 0)
    case "polynomial":
      return .polynomial(
        final: map.optional("final")?.number(.unit) ?? 0,
        power: map.optional("power")?.number(.positive) ?? 1)
    case "oneCycle":
      return .oneCycle(
        initial: map.optional("initial")?.number(.fraction) ?? 0.04,
        final: map.optional("final")?.number(.unit) ?? 4e-6,
        peakAt: map.optional("peakAt")?.number(.open) ?? 0.3)
    case "plateau":
      return .plateau(
        metric: map.optional("metric")?.text("a metric") ?? MetricName.loss.rawValue,
        factor: map.optional("factor")?.number(.open) ?? 0.1,
        patience: map.optional("patience")?.count(from: 0) ?? 10,
        minimum: map.optional("minimum")?.number(.share) ?? 0)
    default:
      return .constant
    }
  }

  private static func milestones(_ map: MapReader) -> [Int] {
    guard let elements = map.required("milestones")?.elements("a list of steps") else { return [] }
    let steps = elements.compactMap { $0.count(from: 1) }
    if elements.isEmpty {
      map.fail("milestones", "expected at least one step, found an empty list")
    } else if zip(steps, steps.dropFirst()).contains(where: { $0 >= $1 }) {
      map.fail("milestones", "expected rising steps, found \(steps)")
    }
    return steps
  }
}
