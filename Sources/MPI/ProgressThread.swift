import Buffers
import COpenMPI
import Glibc
import Synchronization

/// A thread that lets MPI move messages while the compute thread computes.
///
/// Open MPI moves nothing outside its own calls, so messages that nobody asks about stand still. Where a
/// core is spare this thread asks, some ten thousand times a second while something is in flight; it
/// sends and receives nothing itself. It needs a world started with ``ThreadLevel/multiple``.
///
/// - MPI standard: 3.1, sections 3.8.1 (`MPI_Iprobe`) and 12.4.3 (threads).
public final class ProgressThread {
  private let state: State
  private let thread: BackgroundJob<Void>

  /// What the thread looks at; on the heap, since the thread may be the last to see it.
  private final class State: Sendable {
    let isActive = Atomic<Bool>(false)
    let isOver = Atomic<Bool>(false)
    let looks = Atomic<Int>(0)
  }

  /// Starts the thread, asleep.
  ///
  /// - Parameter world: any communicator of a world started with ``ThreadLevel/multiple``.
  /// - Throws: ``MPIError`` with `.threadingUnsupported` in a world of another level.
  public init(_ world: Communicator) throws(MPIError) {
    guard world.family.level == .multiple else {
      throw MPIError(
        code: .threadingUnsupported, call: "MPI_Iprobe",
        message:
          "a progress thread needs MPI_THREAD_MULTIPLE, which this world was not started with")
    }
    let state = State()
    self.state = state
    thread = BackgroundJob("aimass-progress") { Self.run(state) }
  }

  // The job itself waits for its end.
  deinit { state.isOver.store(true, ordering: .releasing) }

  /// Whether messages are in flight that the thread should look after.
  public var isActive: Bool {
    get { state.isActive.load(ordering: .relaxed) }
    set { state.isActive.store(newValue, ordering: .relaxed) }
  }

  /// How often the thread has asked.
  public var looks: Int { state.looks.load(ordering: .relaxed) }

  private static func run(_ state: State) {
    var short = timespec(tv_sec: 0, tv_nsec: 30_000)
    var long = timespec(tv_sec: 0, tv_nsec: 300_000)
    while !state.isOver.load(ordering: .acquiring) {
      guard state.isActive.load(ordering: .relaxed) else {
        nanosleep(&long, nil)
        continue
      }
      var found: CInt = 0
      // Nobody sends to himself here: the question matters, not the answer.
      MPI_Iprobe(
        MPI_ANY_SOURCE, MPI_ANY_TAG, COpenMPI_comm_self(), &found, COpenMPI_status_ignore())
      state.looks.add(1, ordering: .relaxed)
      nanosleep(&short, nil)
    }
  }
}

/// Which threads of a process may call MPI.
///
/// - MPI standard: 3.1, section 12.4.3.
public enum ThreadLevel: Sendable {
  /// The main thread only.
  case funneled
  /// Any, at any time; costs a lock in every call.
  case multiple
}
