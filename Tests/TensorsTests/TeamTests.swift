import Glibc
import Synchronization
import Tensors
import Testing

/// Threads that compute together, and what is left of them.
@Suite("Teams of threads")
struct TeamTests {
  /// `PID/task/TID` of the calling thread.
  private static func thread() -> String {
    var name = [CChar](repeating: 0, count: 64)
    let count = readlink("/proc/thread-self", &name, name.count)
    return String(decoding: name.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  @Test("Every thread takes a part, and none is left behind", arguments: [2, 3, 5])
  func everyThreadTakesAPart(threads: Int) throws {
    let arrived = Atomic<Int>(0)
    let names = Mutex<[String]>([])
    try Kernels.with(threads: threads, cores: 0, leastWork: 1) {
      #expect(Kernels.threads == threads)
      Kernels.split(threads, work: threads) { range in
        names.withLock { $0.append(Self.thread()) }
        // Whoever came first waits for the last: nobody can take two.
        arrived.add(1, ordering: .relaxed)
        while arrived.load(ordering: .relaxed) < threads { sched_yield() }
        #expect(range.count == 1)
        #expect(Kernels.threads == 1, "a part is computed alone")
      }
    }
    #expect(Kernels.threads == 1)
    let found = names.withLock { $0 }
    #expect(Set(found).count == threads && found.contains(Self.thread()))
    for name in found where name != Self.thread() {
      #expect(access("/proc/\(name)", F_OK) != 0, "\(name) still runs")
    }
  }

  @Test("Ranges cover everything once, whatever comes between", arguments: [1, 2, 3, 5])
  func rangesCoverEverythingOnce(threads: Int) throws {
    var draws = Draws(seed: UInt64(threads))
    try Kernels.with(threads: threads, cores: threads, leastWork: 1) {
      for round in 0..<3000 {
        let (count, unit) = (draws.integer(0...70), draws.element([1, 4, 16]))
        let work = draws.element([0, 1, 2, 1000])
        let seen = GuardedFloats(count, value: 0)
        Kernels.split(count, by: unit, work: work) { range in
          if range.lowerBound % unit != 0 { seen.base[range.lowerBound] = 7 }
          for index in range { seen.base[index] += 1 }
        }
        let wrong = seen.array.firstIndex { $0 != 1 }
        #expect(wrong == nil, "\(count) by \(unit) for \(work)")
        // Now and then the others fall asleep.
        if round % 500 == 0 { usleep(2000) }
      }
    }
  }

  @Test("Members use the build that the leader was told to use", arguments: Kernels.supportedBuilds)
  func membersUseTheLeadersBuild(build: String) throws {
    let arrived = Atomic<Int>(0)
    let names = Mutex<[String]>([])
    try Kernels.with(build: build) {
      try Kernels.with(threads: 3, cores: 0, leastWork: 1) {
        Kernels.split(3, work: 3) { _ in
          names.withLock { $0.append(Kernels.name) }
          arrived.add(1, ordering: .relaxed)
          while arrived.load(ordering: .relaxed) < 3 { sched_yield() }
        }
      }
    }
    #expect(names.withLock { $0 } == [build, build, build])
  }

  @Test("Members flush denormals, whatever the leader does")
  func membersFlushDenormals() throws {
    let arrived = Atomic<Int>(0)
    let kept = Mutex<[String]>([])
    try Kernels.with(threads: 3, cores: 0, leastWork: 1) {
      Kernels.split(3, work: 3) { _ in
        let half =
          Float.leastNormalMagnitude * Float(0.5 + Double(arrived.load(ordering: .relaxed)) * 0)
        if half != 0 { kept.withLock { $0.append(Self.thread()) } }
        arrived.add(1, ordering: .relaxed)
        while arrived.load(ordering: .relaxed) < 3 { sched_yield() }
      }
    }
    let names = kept.withLock { $0 }
    #expect(names.isEmpty || names == [Self.thread()])
  }
}
