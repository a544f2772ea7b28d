extension OptimizerConfiguration {
  /// The update rule with all its constants.
  var canonical: CanonicalWriter.Value {
    var options: [(String, CanonicalWriter.Value)] = [
      ("learningRate", .number(learningRate)), ("weightDecay", .number(weightDecay)),
    ]
    if let weightDecayOn { options.append(("weightDecayOn", .texts(weightDecayOn))) }
    let (name, constants) = rule.canonical
    options += constants
    if !groups.isEmpty { options.append(("groups", .lines(groups.map(\.canonical)))) }
    return .map([(name, .map(options))])
  }
}

extension OptimizerConfiguration.Rule {
  fileprivate var canonical: (String, [(String, CanonicalWriter.Value)]) {
    func moments(_ beta1: Double, _ beta2: Double, _ epsilon: Double)
      -> [(String, CanonicalWriter.Value)]
    {
      [("beta1", .number(beta1)), ("beta2", .number(beta2)), ("epsilon", .number(epsilon))]
    }
    switch self {
    case .sgd(let momentum, let nesterov):
      return ("sgd", [("momentum", .number(momentum)), ("nesterov", .flag(nesterov))])
    case .adam(let beta1, let beta2, let epsilon): return ("adam", moments(beta1, beta2, epsilon))
    case .adamW(let beta1, let beta2, let epsilon): return ("adamW", moments(beta1, beta2, epsilon))
    case .lamb(let beta1, let beta2, let epsilon): return ("lamb", moments(beta1, beta2, epsilon))
    case .lars(let momentum, let trust, let epsilon):
      return (
        "lars",
        [
          ("momentum", .number(momentum)), ("trust", .number(trust)), ("epsilon", .number(epsilon)),
        ]
      )
    }
  }
}

extension OptimizerConfiguration.Group {
  fileprivate var canonical: CanonicalWriter.Value {
    var options: [(String, CanonicalWriter.Value)] = [("match", .text(match))]
    if let learningRate { options.append(("learningRate", .number(learningRate))) }
    if let weightDecay { options.append(("weightDecay", .number(weightDecay))) }
    if freeze { options.append(("freeze", .flag(true))) }
    return .inline(options)
  }
}

extension ScheduleConfiguration {
  /// The schedule with all its constants.
  var canonical: CanonicalWriter.Value {
    let (name, constants) = form.canonical
    return .map([(name, .map(constants + [("warmupSteps", .number(warmupSteps))]))])
  }
}

extension ScheduleConfiguration.Form {
  fileprivate var canonical: (String, [(String, CanonicalWriter.Value)]) {
    switch self {
    case .constant: return ("constant", [])
    case .step(let milestones, let gamma):
      return ("step", [("milestones", .numbers(milestones)), ("gamma", .number(gamma))])
    case .cosine(let final): return ("cosine", [("final", .number(final))])
    case .polynomial(let final, let power):
      return ("polynomial", [("final", .number(final)), ("power", .number(power))])
    case .oneCycle(let initial, let final, let peakAt):
      return (
        "oneCycle",
        [("initial", .number(initial)), ("final", .number(final)), ("peakAt", .number(peakAt))]
      )
    case .plateau(let metric, let factor, let patience, let minimum):
      return (
        "plateau",
        [
          ("metric", .text(metric)), ("factor", .number(factor)),
          ("patience", .number(patience)), ("minimum", .number(minimum)),
        ]
      )
    }
  }
}
