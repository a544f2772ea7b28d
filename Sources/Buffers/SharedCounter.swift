import CLinux
import Glibc
import Synchronization

/// A number in shared memory that only grows, on a cache line of its own.
///
/// One rank counts up, neighbours wait. What the owner wrote before ``advance(to:)`` is seen by
/// whoever has seen the number (release and acquire).
public struct SharedCounter {
  /// Bytes that a counter takes: two lines, since processors fetch lines in pairs.
  public static let stride = 128

  private let number: UnsafeMutablePointer<Atomic<Int>>

  /// The counter at `place`, which must be zeroed memory on a line border.
  public init(at place: UnsafeMutableRawPointer) {
    number = place.assumingMemoryBound(to: Atomic<Int>.self)
  }

  /// The number as last seen here.
  public var value: Int { number.pointee.load(ordering: .acquiring) }

  /// Tells that everything up to `value` is done.
  ///
  /// - Precondition: only the owner calls it, with values that never fall.
  public func advance(to value: Int) { number.pointee.store(value, ordering: .releasing) }

  /// Whether the number has reached `value`.
  @inline(__always)
  public func hasReached(_ value: Int) -> Bool { self.value >= value }
}

/// How a rank waits: it looks a few times, then gives its core away between looks.
///
/// With as many cores as ranks a neighbour's flag usually comes while looking; with more ranks than
/// cores the rank that is waited for needs the core, so looking longer would only delay it. A message
/// of another node takes longer, and the system needs the core to bring it.
public struct Patience {
  private var looks = 0

  /// A wait that begins.
  ///
  /// - Parameter forMessages: whether it is for another node, not for a neighbour.
  public init(forMessages: Bool = false) {
    looks = forMessages ? Self.yields - Self.messageYields : 0
  }

  /// Lets some time pass before the next look.
  public mutating func pause() {
    looks += 1
    if looks <= Self.spins {
      CLinux_pause()
      return
    }
    if looks <= Self.yields {
      sched_yield()
      return
    }
    // Long waits cost no core: a twentieth of a millisecond is short beside what they wait for.
    var rest = timespec(tv_sec: 0, tv_nsec: 50_000)
    nanosleep(&rest, nil)
  }

  private static let spins = 200
  private static let yields = 2_000
  /// A sleep leaves the core to the system, which moves what the sockets hold meanwhile.
  private static let messageYields = 16
}
