extension DistillationConfiguration {
  /// The section with everything written out.
  var canonical: CanonicalWriter.Value {
    .map(
      decisive + (cache.map { [("cache", CanonicalWriter.Value.text($0))] } ?? []))
  }

  /// What decides a run's numbers; teachers count by their names, not their folders.
  var identity: CanonicalWriter.Value {
    var copy = self
    func last(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
    copy.teachers = teachers.map(last)
    for layer in hints.keys { copy.hints[layer]?.teacher = hints[layer]?.teacher.map(last) }
    return .map(copy.decisive)
  }

  private var decisive: [(String, CanonicalWriter.Value)] {
    var entries: [(String, CanonicalWriter.Value)] = [
      ("teachers", .texts(teachers)), ("combine", .text(combine.rawValue)),
      ("temperature", .number(temperature)), ("alpha", .number(alpha)),
    ]
    if !heads.isEmpty {
      let names = heads.sorted { $0.key < $1.key }
      entries.append(("heads", .map(names.map { ($0.key, .text($0.value)) })))
    }
    if !hints.isEmpty {
      let layers = hints.sorted { $0.key < $1.key }
      entries.append(("hints", .map(layers.map { ($0.key, $0.value.canonical) })))
    }
    return entries
  }
}

extension DistillationConfiguration.Hint {
  /// The hint with everything written out.
  fileprivate var canonical: CanonicalWriter.Value {
    .map(
      [("layer", .text(layer)), ("weight", .number(weight))]
        + (teacher.map { [("teacher", CanonicalWriter.Value.text($0))] } ?? []))
  }
}
