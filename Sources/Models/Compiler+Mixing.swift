import Configuration
import Tensors

extension Compiler {
  /// Plans the mixing of samples; nil where the configuration does not ask for it.
  mutating func planMixing(_ configuration: ModelConfiguration) throws -> Mixing? {
    guard let mixup = configuration.mixup else { return nil }
    guard mixup.alpha > 0, mixup.alpha.isFinite else {
      throw ModelError(.setting, "mixup", "expected alpha above 0, found \(mixup.alpha)")
    }
    guard configuration.coupling == nil else {
      throw ModelError(
        .structure, "mixup", "expected a model without coupling; a mixed sample has no partner")
    }
    return Mixing(
      alpha: mixup.alpha, shares: plan.reserve(capacity),
      partners: plan.reserve(capacity, of: Int64.self))
  }

  /// A place for the mixture of a field's samples.
  ///
  /// - Throws: ``ModelError`` where samples of the field are no values of one shape.
  mutating func mixed(
    _ value: Value, _ field: MicrobatchField, by mixing: Mixing, _ path: String
  ) throws -> MixingStage {
    guard field.element == .float, !field.isPacked else {
      let found =
        field.element == .integer
        ? "ids" : field.isOptional ? "samples that may lack it" : "samples of unequal length"
      throw ModelError(
        .structure, path,
        "mixup expected values of one shape in '\(field.name)', found \(found); leave mixup out")
    }
    var output = value
    output.place = .region(plan.reserve(try memory(value, path)))
    return MixingStage(mixing: mixing, input: value, output: output)
  }

  /// Where the gradient of a partner's loss lies for a while, or an error for losses that are not mixed.
  mutating func mixtureGradient(
    _ configuration: HeadConfiguration, _ output: Value, _ path: String
  ) throws -> Region {
    func refuse(_ what: String) -> ModelError {
      ModelError(
        .head, path,
        "mixup expected one prediction for each sample, all of one weight, found \(what)")
    }
    if configuration.loss.isTranscription { throw refuse("ctc") }
    if output.isSequence { throw refuse("a prediction for each step") }
    if axes.presence(output.axis) != nil { throw refuse("samples without a prediction") }
    if configuration.weights != nil { throw refuse("weights") }
    if configuration.loss.weighsClasses { throw refuse("classWeights") }
    return plan.reserve(output.unitCount)
  }
}
