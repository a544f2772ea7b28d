extension RecurrentConfiguration {
  /// The most layers of a stack.
  private static let mostLayers = 64

  /// Reads the options of `lstm`.
  init(readingLSTM map: MapReader) {
    self.init(cell: .lstm, reading: map)
  }

  /// Reads the options of `gru`.
  init(readingGRU map: MapReader) {
    let variant = map.optional("variant")?.choice("variant", of: Variant.self) ?? .resetAfter
    self.init(cell: .gru(variant), reading: map)
  }

  private init(cell: Cell, reading map: MapReader) {
    self.init(
      cell: cell, hidden: map.required("hidden")?.size(from: 1) ?? 1,
      layers: map.optional("layers")?.integer(1...Self.mostLayers) ?? 1,
      bidirectional: map.optional("bidirectional")?.flag() ?? false,
      dropout: map.optional("dropout")?.number(.share) ?? 0,
      carries: map.optional("carry")?.flag() ?? false)
    if dropout > 0, layers == 1 {
      map.fail("dropout", "expected at least 2 layers, since dropout acts between them, found 1")
    }
    if carries, bidirectional {
      map.fail(
        "carry",
        "a state that runs from the end of the text cannot be carried to what follows; leave carry "
          + "or bidirectional out")
    }
  }
}

extension RecurrentConfiguration {
  /// All options, in the order of the documentation.
  var canonicalOptions: [(String, CanonicalWriter.Value)] {
    var options: [(String, CanonicalWriter.Value)] = [
      ("hidden", .number(hidden)), ("layers", .number(layers)),
      ("bidirectional", .flag(bidirectional)),
    ]
    if case .gru(let variant) = cell { options.append(("variant", .text(variant.rawValue))) }
    options.append(("dropout", .number(dropout)))
    // Left out where false, so that the identity of a run without it is what it was before there was the key.
    return carries ? options + [("carry", .flag(true))] : options
  }
}
