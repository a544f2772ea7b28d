extension SamplingConfiguration {
  /// Reads `data.sampling`; nil where it names no rule.
  init?(reading value: ValueReader) {
    guard let block = Block(value, sort: "sampling", known: Vocabulary.samplings) else {
      return nil
    }
    let isBalanced = block.name == "balanced"
    let map = block.options(
      isBalanced ? Vocabulary.balanced : Vocabulary.weighted, shorthand: "field")
    let power = isBalanced ? map.optional("power")?.number(.unit) ?? 1 : 1
    self.init(
      rule: isBalanced ? .balanced(power: power) : .weighted,
      field: map.required("field")?.text("a field's name") ?? "",
      samplesPerEpoch: map.optional("samplesPerEpoch")?.count(from: 1))
  }
}
