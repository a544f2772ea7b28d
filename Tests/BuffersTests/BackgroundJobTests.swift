import Buffers
import Foundation
import Glibc
import Synchronization
import Testing

/// Work in a thread of its own.
@Suite struct BackgroundJobTests {
  private struct Failure: Error, Equatable { let number: Int }

  @Test func theResultComesBackHoweverOftenItIsAskedFor() throws {
    let job = BackgroundJob("adds") { 6 * 7 }
    #expect(try job.wait() == 42)
    #expect(job.isDone && job.processorSeconds >= 0)
    #expect(try job.wait() == 42)
  }

  @Test func anErrorIsThrownWhereItIsWaitedFor() {
    let job = BackgroundJob<Int>("fails") { throw Failure(number: 3) }
    #expect(throws: Failure(number: 3)) { try job.wait() }
  }

  @Test func theLastOwnerWaits() {
    final class Flag: Sendable { let isSet = Atomic<Bool>(false) }
    let flag = Flag()
    do {
      let job = BackgroundJob("slow") {
        usleep(20_000)
        flag.isSet.store(true, ordering: .releasing)
      }
      let (isDone, isSet) = (job.isDone, flag.isSet.load(ordering: .acquiring))
      #expect(!isDone || isSet)
    }
    let isSet = flag.isSet.load(ordering: .acquiring)
    #expect(isSet)
  }

  @Test func theThreadHearsNoSignalsAndHasItsName() throws {
    let job = BackgroundJob("checkpoint") { () -> (blocked: Bool, name: String) in
      var mask = sigset_t()
      pthread_sigmask(SIG_BLOCK, nil, &mask)
      let name = try String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
      return (sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGTERM) == 1, name)
    }
    let found = try job.wait()
    #expect(found.blocked && found.name == "checkpoint\n")
  }
}
