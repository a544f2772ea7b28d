extension SamplingConfiguration {
  /// Reads `data.sampling`; nil where it names no rule.
  init?(reading value: ValueReader) {
    guard let block = Block(value, sort: "sampling", known: Vocabulary.samplings) else {
      return nil
    }
    if block.name == "negatives" {
      let map = block.options(Vocabulary.negatives)
      let field = "a field's name"
      self.init(
        rule: .negatives(
          item: map.required("item")?.text(field) ?? "",
          keep: map.optional("keep")?.texts(field) ?? []),
        field: map.required("user")?.text(field) ?? "")
      return
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
