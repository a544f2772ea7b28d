import CKernels
import Glibc

/// Runs `body` for every part on the threads of a team.
///
/// Declared by its symbol, since only Swift's own convention passes a closure without an allocation.
@_silgen_name("CKernels_runTeam")
private func runTeam(_ team: OpaquePointer, _ parts: Int, _ body: (_ part: Int) -> Void)

/// Work on several threads of a process.
///
/// The thread that leads a team cuts the work of a kernel into ranges whose results do not depend on the
/// cut, so the bits are the same for any number of threads. Whoever leads none, such as a thread that
/// reads samples ahead, computes alone.
extension Kernels {
  /// Runs `body` with a team of threads that the calling thread leads, and ends it.
  ///
  /// - Parameters:
  ///   - threads: how many compute, the calling one counted; 1 for no team.
  ///   - cores: how many of them can run at a time; with fewer than `threads` nobody waits awake.
  ///   - leastWork: what a thread gets at least, in the units of ``split(_:by:work:_:)``; tests give 1.
  ///   - body: all work of this thread.
  /// - Throws: ``KernelError`` if the system cannot start a thread, or what `body` throws.
  /// - Returns: what `body` returns.
  public static func with<Result>(
    threads: Int, cores: Int, leastWork: Int = 32_768, _ body: () throws -> Result
  ) throws -> Result {
    precondition((1..<65_536).contains(threads), "a team of \(threads) threads")
    var team: OpaquePointer?
    if threads > 1 {
      let status = CKernels_startTeam(Int64(threads), Int64(leastWork), cores >= threads, &team)
      guard status == 0 else {
        throw KernelError(
          message: "cannot start \(threads) threads: \(String(cString: strerror(status))); ask for "
            + "fewer by --threads, or raise the limit of processes (ulimit -u, pids.max)")
      }
    }
    let outer = CKernels_threadTeam()
    CKernels_setThreadTeam(team)
    defer {
      CKernels_setThreadTeam(outer)
      if let team { CKernels_endTeam(team) }
    }
    return try body()
  }

  /// The threads that share the work of the calling one; 1 without a team.
  public static var threads: Int {
    CKernels_threadTeam().map { Int(CKernels_teamThreads($0)) } ?? 1
  }

  /// Calls `body` for ranges that cover `0 ..< count`, at the same time on the threads of the team.
  ///
  /// A call inside `body` runs on its thread alone. Nothing is allocated.
  ///
  /// - Parameters:
  ///   - count: what is to be covered.
  ///   - unit: ranges begin at multiples of it.
  ///   - work: what all of it costs, in numbers read or written, or in 16 multiplications and additions;
  ///     a function of shapes alone. Little work is not split.
  ///   - body: computes one range; what it yields must not depend on where ranges begin.
  ///
  /// Cost: half a microsecond where threads are awake, some ten where they sleep.
  @inline(__always)
  public static func split(
    _ count: Int, by unit: Int = 1, work: Int, _ body: (Range<Int>) -> Void
  ) {
    guard let team = CKernels_threadTeam() else { return body(0..<count) }
    splitting(count, by: unit, parts: parts((count + unit - 1) / unit, work: work), team, body)
  }

  /// How many threads share `units` of `work`.
  static func parts(_ units: Int, work: Int) -> Int {
    guard let team = CKernels_threadTeam() else { return 1 }
    return max(
      1, min(Int(CKernels_teamThreads(team)), units, work / Int(CKernels_teamLeastWork(team))))
  }

  private static func splitting(
    _ count: Int, by unit: Int, parts: Int, _ team: OpaquePointer, _ body: (Range<Int>) -> Void
  ) {
    guard parts > 1 else { return body(0..<count) }
    let units = (count + unit - 1) / unit
    runTeam(team, parts) { part in
      body(part * units / parts * unit..<min((part + 1) * units / parts * unit, count))
    }
  }
}
