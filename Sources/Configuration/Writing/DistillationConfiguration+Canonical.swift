extension DistillationConfiguration {
  /// The section with everything written out.
  var canonical: CanonicalWriter.Value {
    .map(
      decisive + (cache.map { [("cache", CanonicalWriter.Value.text($0))] } ?? []))
  }

  /// What decides a run's numbers; teachers count by their names, not their folders.
  var identity: CanonicalWriter.Value {
    var copy = self
    copy.teachers = teachers.map { $0.split(separator: "/").last.map(String.init) ?? $0 }
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
    return entries
  }
}
