import Configuration
import Tensors

extension Compiler {
  /// Compiles one head on what it reads and checks it against its target.
  mutating func head(
    _ configuration: HeadConfiguration, reading port: Port, _ value: Value,
    fields: [MicrobatchField], requireTargets: Bool
  ) throws -> (Head, HeadBranch) {
    let path = "heads.\(configuration.name)"
    guard configuration.weight >= 0, configuration.weight.isFinite else {
      throw ModelError(
        .setting, path, "expected a weight of at least 0, found \(configuration.weight)")
    }
    let chain = try chain(configuration.layers, from: value, prefix: path)
    let comparesNegatives = configuration.loss.comparesNegatives
    let targetIndex =
      comparesNegatives ? nil : fields.firstIndex { $0.name == configuration.target }
    // What is predicted is what the data says.
    units.fix(chain.output.channelUnits)
    let output = try predictions(chain.output, configuration.loss, path)
    let outputs = output.unitCount
    guard chain.output.element == .float else {
      throw ModelError(.element, path, "expected values, found ids; put an embedding first")
    }
    try check(configuration.loss, outputs: outputs, path)
    if targetIndex == nil, requireTargets, !comparesNegatives {
      throw missing(configuration.target, fields: fields, path)
    }
    let weightsIndex = try weights(
      configuration, output, fields, requireTargets: requireTargets, path)
    var loss = try targetIndex.map { index in
      try self.loss(configuration, output, fields, at: index, weightsIndex, path)
    }
    if comparesNegatives { loss = try negativeLoss(output, path) }
    let head = Head(
      name: configuration.name, target: configuration.target, targetIndex: targetIndex,
      weightsIndex: loss == nil ? nil : weightsIndex, loss: configuration.loss,
      weight: configuration.weight, outputs: outputs,
      classes: Self.classes(configuration.loss, outputs: outputs), isSequence: output.isSequence,
      rowsPerSample: rowsPerSample(configuration.loss, output),
      mayLack: axes.presence(output.axis) != nil)
    return (
      head,
      HeadBranch(
        reading: port, chain: chain, output: output, loss: loss, weight: configuration.weight)
    )
  }

  /// Predictions of a sample where all samples have as many: a transcription is one.
  private func rowsPerSample(_ loss: LossConfiguration, _ output: Value) -> Int? {
    guard loss.isTranscription else { return axes.constant(output.axis) }
    return axes.presence(output.axis) == nil ? 1 : nil
  }

  /// The outputs as the loss sees them: a row for each sample, or one for each step.
  ///
  /// It follows from the outputs alone, so that it is the same where the data has no target.
  private mutating func predictions(
    _ output: Value, _ loss: LossConfiguration, _ path: String
  ) throws -> Value {
    var isSequence = output.isSequence
    if output.shape.count == 2 {
      // Classes of T steps [T, Y] are those of a sequence of one length.
      if case .crossEntropy = loss, output.shape[0] > 1 { isSequence = true }
      if loss.isTranscription { isSequence = true }
    }
    return isSequence ? try sequence(output, "a head", path) : output
  }

  /// The error of a field that the data does not have.
  func missing(_ name: String, fields: [MicrobatchField], _ path: String) -> ModelError {
    let known = fields.map(\.name).joined(separator: ", ")
    return ModelError(
      .missingField, path,
      "expected a field '\(name)', found \(known.isEmpty ? "no fields" : known); correct the "
        + "name or prepare the data with it")
  }

  private static func classes(_ loss: LossConfiguration, outputs: Int) -> Int? {
    switch loss {
    case .crossEntropy: return outputs
    case .binaryCrossEntropy: return outputs == 1 ? 2 : nil
    case .meanSquaredError, .huber, .ctc, .bpr: return nil
    }
  }

  /// The loss of scores against those of drawn negatives, which are in the rows behind them.
  private func negativeLoss(_ output: Value, _ path: String) throws -> LossFunction {
    guard !output.isSequence, output.unitCount == 1, axes.presence(output.axis) == nil else {
      throw ModelError(
        .head, path,
        "bpr expected one score for every sample, found \(described(output)); end the layers with dot "
          + "or a linear layer of 1, and read modalities that no sample lacks")
    }
    return LossFunction(comparingRowsOf: output)
  }

  /// Compiles the loss of a head whose target is in the data.
  private mutating func loss(
    _ configuration: HeadConfiguration, _ output: Value, _ fields: [MicrobatchField],
    at index: Int, _ weightsIndex: Int?, _ path: String
  ) throws -> LossFunction {
    let field = fields[index]
    let outputs = output.unitCount
    if case .ctc(let blank) = configuration.loss {
      if mixing != nil { _ = try mixtureGradient(configuration, output, path) }
      return LossFunction(
        try transcription(output, blank: blank, field, at: index, path), targetIndex: index,
        output: output)
    }
    var converted: Region?
    var limit: Int?
    if case .crossEntropy = configuration.loss {
      try checkLabels(field, output, path)
      limit = outputs
    } else {
      try checkNumbers(field, output, path)
      if configuration.loss == .binaryCrossEntropy { limit = 2 }
      if field.element == .integer { converted = plan.reserve(try memory(output, path)) }
    }
    if field.longest != nil, let axis = output.axis {
      lengthChecks.append(LengthCheck(consumer: path, fieldIndex: index, axis: axis))
    }
    if let limit, field.element == .integer {
      checks.append(IntegerCheck(consumer: path, fieldIndex: index, limit: limit))
    }
    return LossFunction(
      configuration.loss, targetIndex: index,
      mixture: try mixing.map {
        LossFunction.Mixture(
          mixing: $0, gradient: try mixtureGradient(configuration, output, path))
      },
      weights: try weightsIndex.map { index in
        LossFunction.Weights(
          fieldIndex: index,
          gathering: try gathering(output, fields[index], at: index, path))
      }, output: output, converted: converted,
      gathering: try gathering(output, field, at: index, path))
  }

  /// Where targets are put together, where some samples have no predictions.
  private mutating func gathering(
    _ output: Value, _ field: MicrobatchField, at index: Int, _ path: String
  ) throws -> TargetGathering? {
    guard let present = axes.presence(output.axis) else { return nil }
    let scalars = try product([field.scalarsPerSample, capacity], path)
    var steps: Int?
    if let longest = field.longest {
      steps = axes.index(
        Axis(rule: .steps(field: index), most: longest, isSequence: true, base: nil))
    }
    let isFloat = field.element == .float
    return TargetGathering(
      region: isFloat ? plan.reserve(scalars) : plan.reserve(scalars, of: Int64.self),
      present: present, steps: steps, scalarsPerUnit: field.scalarsPerUnit,
      bytesPerScalar: isFloat ? 4 : 8)
  }

  /// The field with a weight for each prediction, checked; nil where the head names none, or where the
  /// data to predict has none.
  private mutating func weights(
    _ configuration: HeadConfiguration, _ output: Value, _ fields: [MicrobatchField],
    requireTargets: Bool, _ path: String
  ) throws -> Int? {
    guard let name = configuration.weights else { return nil }
    let loss = configuration.loss
    guard !loss.isTranscription, !loss.comparesNegatives else {
      throw ModelError(
        .head, "\(path).weights",
        "expected a loss that weighs its predictions, found \(loss.keyword); leave weights out")
    }
    guard let index = fields.firstIndex(where: { $0.name == name }) else {
      if requireTargets { throw missing(name, fields: fields, "\(path).weights") }
      return nil
    }
    let field = fields[index]
    guard field.element == .float, perRow(field, output) == 1 else {
      let kind = field.element == .float ? "values" : "integers"
      throw ModelError(
        .head, "\(path).weights",
        "expected one weight of kind value for each \(output.isSequence ? "step" : "sample") in "
          + "'\(name)', found \(kind) of shape \(field.sampleShape)")
    }
    weightChecks.append(WeightCheck(consumer: path, fieldIndex: index))
    if field.longest != nil, let axis = output.axis {
      lengthChecks.append(LengthCheck(consumer: path, fieldIndex: index, axis: axis))
    }
    return index
  }

  /// Cross-entropy wants one class number per sample, or per step, and an output for each class.
  private func checkLabels(_ field: MicrobatchField, _ output: Value, _ path: String) throws {
    let outputs = output.unitCount
    guard field.element == .integer, perRow(field, output) == 1 else {
      let kind = field.element == .float ? "values" : "integers"
      throw ModelError(
        .head, path,
        "crossEntropy expected one integer label per \(output.isSequence ? "step" : "sample") in "
          + "'\(field.name)', found \(kind) of shape \(field.sampleShape); "
          + "name a field of kind label or use another loss")
    }
    guard let classes = field.classes, classes != outputs else { return }
    throw ModelError(
      .head, path,
      "expected \(classes) outputs, one for each class of '\(field.name)', found \(outputs); "
        + "change the last layer")
  }

  /// The other losses compare number by number.
  private func checkNumbers(_ field: MicrobatchField, _ output: Value, _ path: String) throws {
    let outputs = output.unitCount
    guard perRow(field, output) == outputs else {
      throw ModelError(
        .head, path,
        "expected as many outputs as the target '\(field.name)' has numbers "
          + "(\(field.scalarsPerUnit)), found \(outputs); change the last layer")
    }
  }

  /// The numbers of a target for each row of the outputs; nil where they do not correspond.
  private func perRow(_ field: MicrobatchField, _ output: Value) -> Int? {
    if field.isOptional { return nil }
    if field.longest != nil { return output.isSequence ? field.scalarsPerUnit : nil }
    guard output.isSequence else { return field.scalarsPerUnit }
    guard let rows = axes.perPresent(output.axis), field.sampleShape.first == rows else {
      return nil
    }
    return field.sampleShape.dropFirst().reduce(1, *)
  }

  /// Checks the loss's own settings.
  private func check(_ loss: LossConfiguration, outputs: Int, _ path: String) throws {
    switch loss {
    case .crossEntropy(let smoothing, let weights):
      guard outputs >= 2 else {
        throw ModelError(
          .head, path,
          "crossEntropy expected at least 2 outputs, found \(outputs); use binaryCrossEntropy "
            + "or change the last layer")
      }
      guard smoothing >= 0, smoothing < 1 else {
        throw ModelError(
          .setting, path, "expected labelSmoothing in 0 ..< 1, found \(smoothing)")
      }
      try check(classWeights: weights, outputs: outputs, path)
    case .huber(let delta):
      guard delta > 0, delta.isFinite else {
        throw ModelError(.setting, path, "expected huber delta above 0, found \(delta)")
      }
    case .ctc(let blank):
      guard outputs >= 2, blank >= 0, blank < outputs else {
        throw ModelError(
          .setting, path,
          "ctc expected at least 2 outputs and a blank that is one of them, found \(outputs) "
            + "outputs and a blank \(blank)")
      }
    case .binaryCrossEntropy, .meanSquaredError, .bpr: return
    }
  }

  private func check(classWeights: [Double]?, outputs: Int, _ path: String) throws {
    guard let classWeights else { return }
    guard classWeights.count == outputs else {
      throw ModelError(
        .setting, path,
        "expected \(outputs) classWeights, one for each output, found \(classWeights.count)")
    }
    guard classWeights.allSatisfy({ $0 >= 0 && $0.isFinite }),
      classWeights.contains(where: { $0 > 0 })
    else {
      throw ModelError(
        .setting, path,
        "expected classWeights of at least 0, not all of them 0, found \(classWeights)")
    }
  }
}
