#if DEBUG
  import Glibc
  import Synchronization

  /// What goes wrong where, as `AIMASS_FAULT` says it.
  ///
  /// `POINT:N:ACTION[:RANK]`, several separated by commas: when the point is reached for the N-th time in
  /// a process, counted from 1, on one rank or, without a number, on every rank. Actions:
  /// `kill` `stop` `save` `terminate` send the process SIGKILL, SIGSTOP, SIGUSR1, SIGTERM; `abort`, `trap`,
  /// `segfault` and `overflow` end it as a defect would; `exit` leaves with 0 and `fail` with 3; `hang` never
  /// returns; `sleep=SECONDS` does later; then come those that the program defines; anything else is for the place
  /// itself, which asks for it.
  ///
  /// Where `AIMASS_FAULT_ONCE` names a file, only the process that creates it meets its fault, so that a
  /// job that is started again goes through.
  final class FaultPlan: Sendable {
    /// The plan of this process, nil where nothing goes wrong.
    static let current = getenv("AIMASS_FAULT").map { FaultPlan(String(cString: $0)) }

    private struct Entry: Sendable {
      let point: String
      let number: Int
      let action: String
    }

    private let entries: [Entry]
    private let passages = Mutex<[FaultPoint: Int]>([:])

    private init(_ text: String) {
      let own = getenv("OMPI_COMM_WORLD_RANK") ?? getenv("PMIX_RANK")
      let rank = own.map { String(cString: $0) } ?? "0"
      entries = text.split(separator: ",").compactMap { part in
        let words = part.split(separator: ":").map(String.init)
        guard words.count == 3 || words.count == 4, let number = Int(words[1]),
          FaultPoint.allCases.contains(where: { "\($0)" == words[0] })
        else { fatalError("AIMASS_FAULT: expected POINT:N:ACTION[:RANK], found '\(part)'") }
        guard words.count == 3 || words[3] == rank else { return nil }
        return Entry(point: words[0], number: number, action: words[2])
      }
    }

    /// What the program itself does, by action.
    static let defined = Mutex<[String: @Sendable () -> Void]>([:])

    /// Counts a passage and does what is planned for it.
    ///
    /// - Returns: an action that the place itself must do, or nil.
    func take(_ point: FaultPoint) -> String? {
      let name = "\(point)"
      guard entries.contains(where: { $0.point == name }) else { return nil }
      let number = passages.withLock { passages in
        passages[point, default: 0] += 1
        return passages[point] ?? 0
      }
      guard let entry = entries.first(where: { $0.point == name && $0.number == number }),
        Self.isFirst
      else { return nil }
      return Self.perform(entry.action) ? nil : entry.action
    }

    /// Whether this fault has not happened in an earlier start.
    private static var isFirst: Bool {
      guard let path = getenv("AIMASS_FAULT_ONCE") else { return true }
      let descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY, 0o644)
      guard descriptor >= 0 else { return false }
      close(descriptor)
      return true
    }

    /// Does what needs nothing of the place; false for the rest.
    private static func perform(_ action: String) -> Bool {
      switch action {
      case "kill": kill(getpid(), SIGKILL)
      case "stop": kill(getpid(), SIGSTOP)
      case "save": kill(getpid(), SIGUSR1)
      case "terminate": kill(getpid(), SIGTERM)
      case "abort": abort()
      case "trap": fatalError("a fault was asked for")
      case "segfault": kill(getpid(), SIGSEGV)
      case "overflow": _ = descend(1)
      case "exit": _exit(0)
      case "fail": _exit(3)
      case "hang": while true { sleep(1000) }
      default:
        if let body = defined.withLock({ $0[action] }) {
          body()
          return true
        }
        guard action.hasPrefix("sleep="), let seconds = Double(action.dropFirst(6)) else {
          return false
        }
        usleep(UInt32(seconds * 1e6))
      }
      return true
    }

    /// Uses up the stack.
    @inline(never)
    private static func descend(_ depth: Int) -> Int {
      withUnsafeTemporaryAllocation(of: Int.self, capacity: 4096) { block in
        block[0] = depth
        return descend(depth &+ block[0]) &+ block[0]
      }
    }
  }
#endif
