import Buffers
import Glibc
import MPI

/// What a pair of ranks can tell each other.
public struct LinkSpeed: Sendable, Equatable {
  /// Seconds from one rank to the other: half a round trip of a byte, the median of many.
  public var latency: Double
  /// Bytes per second one way, of messages of 4 MiB, the best of several.
  public var bytesPerSecond: Double

  /// A link from its parts.
  public init(latency: Double, bytesPerSecond: Double) {
    self.latency = latency
    self.bytesPerSecond = bytesPerSecond
  }
}

/// How far another node's wall clock is ahead.
public struct ClockOffset: Sendable, Equatable {
  /// Seconds that the other clock is ahead of the first node's.
  public var seconds: Double
  /// The greatest error of that: half of the shortest round trip.
  public var error: Double

  /// An offset from its parts.
  public init(seconds: Double, error: Double) {
    self.seconds = seconds
    self.error = error
  }
}

/// Measurements between two ranks of a group; both call them at once.
///
/// The first rank decides from the clock how often a message goes, and tells the second in its first
/// byte, so slow links end in time.
struct LinkBenchmark {
  private static let tag = 9_002
  private static let large = 4 << 20

  let group: Communicator
  let peer: Int

  /// Whether this rank asks and the other answers.
  private var asks: Bool { group.rank < peer }

  /// Measures latency and bandwidth.
  ///
  /// - Returns: the link, on the rank that asks; nil on the other.
  /// - Throws: `MPIError` if MPI refuses.
  func measure() throws -> LinkSpeed? {
    let small = try roundTrips(bytes: 1, seconds: 0.015, most: 200)
    let large = try roundTrips(bytes: Self.large, seconds: 0.08, most: 10)
    guard let middle = median(small), let best = large.min() else { return nil }
    return LinkSpeed(latency: middle / 2, bytesPerSecond: Double(2 * Self.large) / best)
  }

  /// Sends a message there and back for some time.
  ///
  /// - Returns: seconds of each round trip but the first, on the rank that asks.
  private func roundTrips(bytes: Int, seconds: Double, most: Int) throws -> [Double] {
    let buffer = HostBuffer<UInt8>(count: bytes)
    var times: [Double] = []
    let end = steadySeconds() + seconds
    var isLast = false
    while !isLast {
      let start = steadySeconds()
      if asks {
        isLast = times.count + 1 >= most || (times.count >= 3 && start > end)
        buffer[0] = isLast ? 1 : 0
        try group.send(UnsafeBufferPointer(buffer.all), to: peer, tag: Self.tag)
        try group.receive(into: buffer.all, from: peer, tag: Self.tag)
        times.append(steadySeconds() - start)
      } else {
        try group.receive(into: buffer.all, from: peer, tag: Self.tag)
        isLast = buffer[0] == 1
        try group.send(UnsafeBufferPointer(buffer.all), to: peer, tag: Self.tag)
      }
    }
    // The first one opens the connection.
    return Array(times.dropFirst())
  }

  /// Compares the wall clocks of both ranks.
  ///
  /// Of several round trips the shortest tells most: the other clock was read within it.
  ///
  /// - Parameter trips: round trips.
  /// - Returns: how far the peer's clock is ahead, on the rank that asks; nil on the other.
  /// - Throws: `MPIError` if MPI refuses.
  func clockOffset(trips: Int = 20) throws -> ClockOffset? {
    let time = HostBuffer<Int64>(count: 1)
    var best: ClockOffset?
    for _ in 0..<trips {
      if asks {
        let before = Self.wallNanoseconds()
        try group.send(UnsafeBufferPointer(time.all), to: peer, tag: Self.tag)
        try group.receive(into: time.all, from: peer, tag: Self.tag)
        let after = Self.wallNanoseconds()
        let offset = Self.offset(before: before, there: time[0], after: after)
        if offset.error < best?.error ?? .infinity { best = offset }
      } else {
        try group.receive(into: time.all, from: peer, tag: Self.tag)
        time[0] = Self.wallNanoseconds()
        try group.send(UnsafeBufferPointer(time.all), to: peer, tag: Self.tag)
      }
    }
    return best
  }

  /// The offset that one exchange of clock readings, in nanoseconds, tells.
  static func offset(before: Int64, there: Int64, after: Int64) -> ClockOffset {
    let trip = Double(after - before)
    return ClockOffset(
      seconds: (Double(there - before) - trip / 2) * 1e-9, error: max(trip, 0) / 2 * 1e-9)
  }

  private static func wallNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
