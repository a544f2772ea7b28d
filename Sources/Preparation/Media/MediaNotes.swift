extension LoadedSource {
  /// The files of the source and what a person should know of them; nil for other sources.
  var media: (source: MediaSource, notes: [String])? {
    guard case .files(let source, let listing) = self else { return nil }
    let bad = source.bad
    guard !bad.isEmpty else { return (source, listing.notes) }
    let shown = 20
    var notes = listing.notes
    notes.append(
      "source '\(source.name)': \(bad.count) of \(source.files.count) files are left out")
    notes += bad.prefix(shown).map { "left out: \($0.path): \($0.reason)" }
    if bad.count > shown { notes.append("and \(bad.count - shown) more") }
    return (source, notes)
  }
}
