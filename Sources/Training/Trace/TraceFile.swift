import Reports

/// The events of all ranks as a file for `chrome://tracing` and Perfetto, and as a picture.
///
/// - Source: "Trace Event Format" of the Chromium project: complete events (`X`), instants (`i`) and
///   metadata (`M`); times in microseconds. A node is a process, a rank a thread of it.
package struct TraceFile {
  /// One rank's events and where it runs.
  package struct Track {
    var rank: Int
    var node: Int
    var host: String
    var dropped: Int
    /// Times on rank 0's clock.
    var events: [TraceEvent]

    /// A track from its parts.
    package init(rank: Int, node: Int, host: String, dropped: Int, events: [TraceEvent]) {
      self.rank = rank
      self.node = node
      self.host = host
      self.dropped = dropped
      self.events = events
    }
  }

  private let tracks: [Track]
  private let layers: [String]
  private let origin: Int

  /// A file from the tracks of all ranks.
  ///
  /// - Parameters:
  ///   - tracks: by rank.
  ///   - layers: the model's layers by path and kind.
  package init(_ tracks: [Track], layers: [String]) {
    self.tracks = tracks.map { track in
      var track = track
      // What contains others comes before them.
      track.events.sort { ($0.start, -$0.end, $0.kind) < ($1.start, -$1.end, $1.kind) }
      return track
    }
    self.layers = layers
    origin = tracks.flatMap { $0.events.map(\.start) }.min() ?? 0
  }

  /// The file's text in pieces, each some whole lines; a long trace need not be held at once.
  ///
  /// - Parameter write: takes the next piece.
  /// - Throws: what `write` throws.
  package func write(_ write: (String) throws -> Void) rethrows {
    let dropped = tracks.reduce(0) { $0 + $1.dropped }
    try write(
      "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"dropped\":\(dropped)},\"traceEvents\":[\n")
    var names: [String] = []
    var seen: Set<Int> = []
    for track in tracks {
      if seen.insert(track.node).inserted {
        names.append(metadata("process_name", track, "node \(track.host)", thread: 0))
      }
      names.append(metadata("thread_name", track, "rank \(track.rank)", thread: track.rank))
    }
    try write(names.joined(separator: ",\n"))
    for track in tracks {
      for event in track.events { try write(",\n" + line(event, track)) }
    }
    try write("\n]}\n")
  }

  private func metadata(_ kind: String, _ track: Track, _ name: String, thread: Int) -> String {
    "{\"name\":\"\(kind)\",\"ph\":\"M\",\"ts\":0,\"pid\":\(track.node),\"tid\":\(thread),"
      + "\"args\":{\"name\":\(Self.quoted(name))}}"
  }

  private func line(_ event: TraceEvent, _ track: Track) -> String {
    let place =
      "\"ts\":\(Self.microseconds(event.start - origin)),\"pid\":\(track.node),\"tid\":\(track.rank)"
    var facts = "\"step\":\(event.step)"
    if event.microbatch >= 0 { facts += ",\"microbatch\":\(event.microbatch)" }
    if event.bucket >= 0 { facts += ",\"bucket\":\(event.bucket)" }
    if event.kind == TraceEvent.Kind.ready.rawValue {
      return "{\"name\":\"gradients final\",\"cat\":\"ready\",\"ph\":\"i\",\"s\":\"t\",\(place),"
        + "\"args\":{\(facts),\"from\":\(event.detail)}}"
    }
    let category = Self.category(event)
    return "{\"name\":\(Self.quoted(name(event))),\"cat\":\"\(category)\",\"ph\":\"X\",\(place),"
      + "\"dur\":\(Self.microseconds(event.end - event.start)),\"args\":{\(facts)}}"
  }

  private static func category(_ event: TraceEvent) -> String {
    switch TraceEvent.Kind(rawValue: event.kind) {
    case .step: "step"
    case .layer: "layer"
    default: "phase"
    }
  }

  private func name(_ event: TraceEvent) -> String {
    let phase = (Phase(rawValue: event.phase) ?? .other).name
    switch TraceEvent.Kind(rawValue: event.kind) {
    case .step: return "step \(event.step)"
    case .layer:
      let layer = Int(event.detail)
      return "\(phase) \(layer >= 0 && layer < layers.count ? layers[layer] : "layer \(layer)")"
    default: return phase
    }
  }

  /// Nanoseconds as microseconds with three digits, exact.
  package static func microseconds(_ nanoseconds: Int) -> String {
    let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1000)
    guard rest != 0 else { return "\(whole)" }
    let digits = "\(1000 + abs(rest))".dropFirst()
    return "\(nanoseconds < 0 && whole == 0 ? "-" : "")\(whole).\(digits)"
  }

  private static func quoted(_ text: String) -> String { JSONText.line(.text(text)) }

  /// The last two whole steps as a picture, phases only; nil if there are not two.
  package func picture(title: String) -> TimelineChart? {
    let steps = tracks.first?.events.filter { $0.kind == TraceEvent.Kind.step.rawValue } ?? []
    guard steps.count >= 2, let last = steps.last else { return nil }
    let window = steps[steps.count - 2].start..<last.end
    let length = Double(window.count) * 1e-9
    let rows = tracks.prefix(16).map { track in
      TimelineChart.Row(
        "rank \(track.rank)",
        track.events.compactMap { event in
          guard event.kind == TraceEvent.Kind.phase.rawValue, event.end > window.lowerBound,
            event.start < window.upperBound
          else { return nil }
          return TimelineChart.Span(
            max(0, Double(event.start - window.lowerBound) * 1e-9),
            min(length, Double(event.end - window.lowerBound) * 1e-9),
            (Phase(rawValue: event.phase) ?? .other).name)
        })
    }
    return TimelineChart(
      title: "\(title): steps \(last.step - 1) and \(last.step)", kinds: Phase.allCases.map(\.name),
      rows: Array(rows))
  }
}
