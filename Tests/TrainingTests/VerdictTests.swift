import Testing
import Training

/// Who keeps a job from going on, over made-up states of its ranks.
struct VerdictTests {
  /// Four ranks on two nodes, all waiting in the reduction of bucket 4 of step 412.
  static func waiting(_ change: (inout [RankState]) -> Void) -> [RankState] {
    var states = (0..<4).map { rank in
      RankState(
        rank: rank, node: rank < 2 ? "a" : "b", process: Int32(1000 + rank), step: 412,
        phase: .reduce, bucket: 4, idleSeconds: 31)
    }
    change(&states)
    return states
  }

  @Test func aStoppedRankIsNamedWithStepPhaseAndLayer() {
    let verdict = Verdict(
      Self.waiting {
        $0[2].condition = .stopped
        $0[2].phase = .backward
        $0[2].isWaiting = false
        $0[2].layer = "modalities.image.3 (conv)"
        $0[2].bucket = nil
      })
    #expect(verdict.culprits == [2])
    #expect(
      verdict.sentence
        == "rank 2 on node b is late: step 412, backward, layer modalities.image.3 (conv), last moved "
        + "31 s ago; ranks 0, 1, 3 wait for it in reduce of bucket 4; process 1002 is stopped (state T)"
    )
  }

  @Test func aFrozenRankIsFoundWhateverItWasDoing() {
    let verdict = Verdict(Self.waiting { $0[3].condition = .frozen })
    #expect(verdict.culprits == [3])
    #expect(verdict.sentence.contains("process 1003 does not run"))
  }

  @Test func aRankThatWorksKeepsTheOthersWaiting() {
    let verdict = Verdict(
      Self.waiting {
        $0[1].phase = .input
        $0[1].isWaiting = false
        $0[1].bucket = nil
        $0[1].condition = .uninterruptible
      })
    #expect(verdict.culprits == [1])
    #expect(verdict.sentence.contains("rank 1 on node a is late: step 412, input"))
    #expect(verdict.sentence.hasSuffix("waits for a disk or a file server (state D)"))
  }

  @Test func aStoppedRankCountsMoreThanOneThatWorksBehindIt() {
    let verdict = Verdict(
      Self.waiting {
        $0[0].phase = .forward
        $0[0].isWaiting = false
        $0[3].condition = .stopped
      })
    #expect(verdict.culprits == [3])
  }

  @Test func ofTwoThatWorkTheOneBehindIsLate() {
    let verdict = Verdict(
      Self.waiting {
        for rank in [0, 3] { $0[rank].isWaiting = false }
        $0[0].phase = .update
        $0[3].phase = .backward
      })
    #expect(verdict.culprits == [3])
  }

  @Test func theRankThatAllWaitForIsNamedWhereAllWait() {
    let verdict = Verdict(
      Self.waiting {
        for rank in [0, 1, 3] { $0[rank].waitsFor = [2] }
      })
    #expect(verdict.culprits == [2])
    #expect(verdict.sentence.contains("ranks 0, 1, 3 wait for it"))
  }

  @Test func withoutACulpritTheNetworkIsSuspected() {
    let verdict = Verdict(Self.waiting { _ in })
    #expect(verdict.culprits.isEmpty)
    #expect(verdict.sentence.contains("ranks 0-3 wait in reduce of bucket 4"))
    #expect(verdict.sentence.contains("network"))
  }

  @Test func aSilentNodeIsNamedWithItsRanks() {
    let verdict = Verdict(Self.waiting { _ in }, silent: ["b": 45])
    #expect(verdict.culprits == [2, 3])
    #expect(verdict.sentence.hasPrefix("node b has sent no heartbeat for 45 s: ranks 2, 3"))
    #expect(verdict.sentence.contains("ranks 0, 1 wait for them in reduce of bucket 4"))
  }

  @Test func aDeadRankIsToldFromASlowOne() {
    let states = Self.waiting { $0[1].condition = .dead }
    #expect(Verdict(states).sentence.contains("rank 1 on node a died: step 412, reduce, bucket 4"))
    let alone = Verdict(dead: [states[1]], memoryKills: 1)
    #expect(alone.sentence.contains("process 1001 is gone"))
    #expect(alone.sentence.contains("for want of memory (oom_kill)"))
    #expect(!Verdict(dead: [states[1]]).sentence.contains("memory"))
  }

  @Test func aRankThatWaitsBeforeItsFirstMicrobatchIsBehind() {
    let verdict = Verdict(
      Self.waiting {
        for rank in [0, 1, 3] { $0[rank].microbatch = 2 }
        $0[2].phase = .other
        $0[2].isWaiting = true
        $0[2].bucket = nil
      })
    #expect(verdict.culprits == [2])
  }

  @Test func aRankThatHasLeftIsNamedWhereAllOthersWait() {
    let verdict = Verdict(Self.waiting { $0[2].condition = .ended })
    #expect(verdict.culprits == [2])
    #expect(
      verdict.sentence.hasPrefix("rank 2 on node b left early: step 412, reduce, bucket 4; ranks"),
      "\(verdict.sentence)")
  }

  @Test func rankThatHasEndedIsNobodysCulprit() {
    let verdict = Verdict(
      Self.waiting {
        $0[0].condition = .ended
        $0[0].isWaiting = false
        $0[0].phase = .other
        $0[1].isWaiting = false
        $0[1].phase = .checkpoint
      })
    #expect(verdict.culprits == [1])
    #expect(!verdict.sentence.contains("rank 0"))
  }
}

/// When a job stands still for good.
struct StuckTests {
  @Test func aLongLayerIsNotLate() {
    // Rank 1 computes: its position is old, its processor is busy.
    var states = VerdictTests.waiting { _ in }
    #expect(RankState.areStuck(states, 30))
    states[1] = RankState(
      rank: 1, node: "a", step: 412, phase: .forward, idleSeconds: 0, stillSeconds: 400)
    #expect(!RankState.areStuck(states, 30))
    states[1].condition = .stopped
    #expect(RankState.areStuck(states, 30))
  }

  @Test func checkpointsMayTakeTenTimesAsLong() {
    var states = VerdictTests.waiting { _ in }
    for rank in 0..<4 {
      states[rank] = RankState(
        rank: rank, node: "a", step: 412, phase: .checkpoint, isWaiting: rank > 0,
        idleSeconds: 100)
    }
    #expect(!RankState.areStuck(states, 30))
    states[0].idleSeconds = 300
    #expect(RankState.areStuck(states, 30))
    states[0].idleSeconds = 100
    states[0].condition = .stopped
    #expect(RankState.areStuck(states, 30))
  }

  @Test func ranksThatHaveEndedDoNotCount() {
    var states = VerdictTests.waiting { _ in }
    states[0].condition = .ended
    states[0].idleSeconds = 0
    #expect(RankState.areStuck(states, 30))
    #expect(!RankState.areStuck(states, 32))
  }
}
