import Configuration
import Tensors

extension Compiler {
  /// Compiles the target of a `ctc` loss over the sequence `output`.
  mutating func transcription(
    _ output: Value, blank: Int, _ field: MicrobatchField, at index: Int, _ path: String
  ) throws -> TranscriptionTarget {
    guard output.isSequence, let axis = output.axis else {
      throw ModelError(
        .head, path,
        "ctc expected outputs for each step of a sequence, found \(described(output)); leave out "
          + "what joins the steps")
    }
    guard field.element == .integer, let longest = field.longest, field.sampleShape.isEmpty,
      !field.isOptional
    else {
      let kind = field.element == .float ? "values" : "integers"
      throw ModelError(
        .head, path,
        "ctc expected a sequence of ids in '\(field.name)', found \(kind) of shape "
          + "\(field.sampleShape); name a field of ids whose samples differ in length")
    }
    if let ids = field.classes, output.unitCount != ids + 1 {
      throw ModelError(
        .head, path,
        "ctc expected \(ids + 1) outputs, one for each id of '\(field.name)' and one for none of "
          + "them, found \(output.unitCount); change the last layer")
    }
    checks.append(
      IntegerCheck(consumer: path, fieldIndex: index, limit: output.unitCount - 1))
    let target = axes.index(
      Axis(rule: .steps(field: index), most: longest, isSequence: true, base: nil))
    let scratch = try product(
      [Kernels.ctcScratchCount(steps: output.mostUnits, labels: longest)], path)
    return TranscriptionTarget(
      outputs: axis, present: axes.presence(axis), ids: target, blank: blank,
      classes: plan.reserve(try product([longest, capacity], path), of: Int64.self),
      scratch: plan.reserve(scratch, of: Double.self))
  }
}
