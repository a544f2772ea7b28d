import CLinux
import Glibc
import Synchronization

/// Work that goes on in a thread of its own while the caller computes.
///
/// The thread hears no signals, calls no MPI, and ends with the work. The last owner waits for it.
public final class BackgroundJob<Value: Sendable>: Sendable {
  private let state: State
  private let thread: pthread_t

  /// What thread and owner share; on the heap, since either may be the last to see it.
  private final class State: Sendable {
    let name: String
    let body: @Sendable () throws -> Value
    let isDone = Atomic<Bool>(false)
    let isJoined = Atomic<Bool>(false)
    let result = Mutex<(value: Result<Value, any Error>?, seconds: Double)>((nil, 0))

    init(_ name: String, _ body: @escaping @Sendable () throws -> Value) {
      (self.name, self.body) = (name, body)
    }

    func run() {
      CLinux_name_thread(name)
      let value = Result { try body() }
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      let seconds = Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
      result.withLock { $0 = (value, seconds) }
      isDone.store(true, ordering: .releasing)
    }
  }

  /// Starts the work.
  ///
  /// - Parameters:
  ///   - name: what `top` and debuggers call the thread, at most 15 bytes.
  ///   - body: the work; what it captures lives until it is done.
  /// - Precondition: the system can start a thread.
  public init(_ name: String, _ body: @escaping @Sendable () throws -> Value) {
    let state = State(name, body)
    self.state = state
    // A new thread inherits the mask: signals are for the thread that computes.
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var made = pthread_t()
    let status = pthread_create(
      &made, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<AnyRunner>.fromOpaque(context).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(AnyRunner(state.run)).toOpaque())
    precondition(status == 0, "a thread cannot start: \(String(cString: strerror(status)))")
    thread = made
  }

  deinit { join() }

  /// Whether ``wait()`` would return at once.
  public var isDone: Bool { state.isDone.load(ordering: .acquiring) }

  /// Waits for the end.
  ///
  /// - Returns: what the work returned.
  /// - Throws: what the work threw.
  public func wait() throws -> Value {
    join()
    guard let result = state.result.withLock({ $0.value }) else {
      preconditionFailure("a thread ended without a result")
    }
    return try result.get()
  }

  /// Processor seconds that the work took; 0 until it is done.
  public var processorSeconds: Double { state.result.withLock { $0.seconds } }

  private func join() {
    guard !state.isJoined.exchange(true, ordering: .acquiringAndReleasing) else { return }
    pthread_join(thread, nil)
  }
}

/// What the C function of a thread can be given, whatever the type of its result.
private final class AnyRunner {
  let run: () -> Void
  init(_ run: @escaping () -> Void) { self.run = run }
}
