import Foundation
import Synchronization
import Testing
import Training

/// What a rank writes down is what its neighbours read.
struct StatusBoardTests {
  @Test(arguments: [0, 1, 1 << 19, (1 << 20) - 1, 1 << 20, 12_345_678_901])
  func aPositionComesBackFromItsWord(step: Int) {
    for near in [step - 3, step, step + 1000] {
      var position = RankPosition()
      position.step = step
      position.phase = .backward
      position.layer = 0
      position.bucket = 16_000
      position.microbatch = 77
      #expect(RankPosition(word: position.word, step: near) == position)
      position.layer = nil
      position.bucket = nil
      #expect(RankPosition(word: position.word, step: near) == position)
    }
  }

  @Test func numbersThatDoNotFitStickAtTheLargest() {
    var position = RankPosition()
    position.layer = 1_000_000
    position.bucket = 1_000_000
    let back = RankPosition(word: position.word, step: 0)
    #expect(back.layer == 4094 && back.bucket == 16_382 && back.microbatch == nil)
    #expect(back.phase == .other)
  }

  /// A reader beside a writer never sees a position that was not written.
  @Test func noPositionIsTorn() throws {
    let board = try StatusBoard(ranks: [0])
    let isDone = Atomic<Bool>(false)
    let torn = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 2) { part in
      var position = RankPosition()
      for round in 1...200_000 {
        if part == 1 {
          if isDone.load(ordering: .relaxed) { return }
          let seen = board.own.currentPosition
          if let layer = seen.layer, layer != seen.bucket || layer != seen.microbatch {
            torn.add(1, ordering: .relaxed)
          }
          continue
        }
        position.layer = round % 4000
        position.bucket = round % 4000
        position.microbatch = round % 4000
        board.own.move(to: position.word, events: UInt64(round))
      }
      isDone.store(true, ordering: .relaxed)
    }
    #expect(torn.load(ordering: .relaxed) == 0)
    #expect(board.own.currentPosition.layer == 200_000 % 4000)
  }

  @Test func aClockShowsWhatTheRankDoes() throws {
    let board = try StatusBoard(ranks: [5])
    let clock = StepClock()
    clock.join(board.own, ranks: 8)
    clock.begin(step: 9)
    clock.enter(.input, microbatch: 3)
    clock.forward(layer: 2)
    #expect(board.own.currentPosition.phase == .forward && board.own.currentPosition.layer == 2)
    clock.began(.reduce, bucket: 1)
    clock.waits(for: .rank(7))
    #expect(board.own.currentPosition.phase == .reduce && board.own.currentPosition.bucket == 1)
    #expect(board.own.currentPosition.step == 9 && board.own.currentPosition.microbatch == 3)
    #expect(board.own.peer == .rank(7))
    clock.wentOn()
    #expect(board.own.peer == nil)
    #expect(clock.waitSeconds[7] > 0 && clock.waitSeconds[..<7].allSatisfy { $0 == 0 })
  }

  @Test func theKernelsLineIsRead() throws {
    let fields = (5...52).map { "\($0)" }.joined(separator: " ")
    let line = "77 (a) b) ) T 3 \(fields)\n"
    let status = try #require(ProcessStatus(line: Array(line.utf8)))
    #expect(status.letter == UInt8(ascii: "T"))
    // Fields 14, 15 and 22, counted from 1.
    #expect(status.processorTicks == 14 + 15 && status.birth == 22)
    #expect(ProcessStatus(line: Array("77 (cut".utf8)) == nil)
    #expect(ProcessStatus(of: getpid())?.letter != nil && ProcessStatus(of: 0) == nil)
  }
}
