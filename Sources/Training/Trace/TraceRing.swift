import Buffers

/// One thing that happened on a rank, with its time.
package struct TraceEvent: BitwiseCopyable {
  /// What it is about.
  package enum Kind: UInt8 {
    /// A whole step.
    case step
    /// A phase of it.
    case phase
    /// A layer's forward or backward pass, inside a phase.
    case layer
    /// A moment: gradients from a place to the end are final.
    case ready
  }

  /// Nanoseconds on this rank's monotonic clock.
  package var start: Int
  package var end: Int
  package var kind: UInt8
  var phase: UInt8
  var step: Int32
  /// The layer's place, -1 for none; of a moment, the parameter's place.
  var detail: Int32
  var bucket: Int32
  var microbatch: Int32

  /// Whether it is a whole step.
  var isStep: Bool { kind == Kind.step.rawValue }
  /// Whether it is a layer's pass.
  var isLayer: Bool { kind == Kind.layer.rawValue }
}

/// The last events of a rank, in memory made once; the oldest make room for new ones.
package final class TraceRing {
  /// Events that are kept by default: some hundred steps of a small network.
  package static let usualCapacity = 1 << 16

  private let events: HostBuffer<TraceEvent>
  private var count = 0

  /// A ring for so many events; 40 bytes each.
  package init(capacity: Int = usualCapacity) {
    precondition(capacity > 0, "a trace keeps at least one event")
    events = HostBuffer(count: capacity)
  }

  /// Events that had to make room.
  package var dropped: Int { max(0, count - events.count) }

  /// Keeps an event with a beginning and an end.
  func add(_ kind: TraceEvent.Kind, _ position: RankPosition, from start: Int, to end: Int) {
    keep(kind, position, detail: position.layer ?? -1, start, end)
  }

  /// Keeps a moment.
  func mark(_ kind: TraceEvent.Kind, _ position: RankPosition, value: Int, at time: Int) {
    keep(kind, position, detail: value, time, time)
  }

  private func keep(
    _ kind: TraceEvent.Kind, _ position: RankPosition, detail: Int, _ start: Int, _ end: Int
  ) {
    events.base[count % events.count] = TraceEvent(
      start: start, end: end, kind: kind.rawValue, phase: position.phase.rawValue,
      step: Int32(truncatingIfNeeded: position.step), detail: Int32(clamping: detail),
      bucket: Int32(clamping: position.bucket ?? -1),
      microbatch: Int32(clamping: position.microbatch ?? -1))
    count += 1
  }

  /// The kept events in the order they ended.
  package var kept: [TraceEvent] {
    (dropped..<count).map { events.base[$0 % events.count] }
  }
}
