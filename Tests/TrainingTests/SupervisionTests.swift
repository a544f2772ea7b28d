import Testing
import Training

/// What a supervisor decides, over made-up jobs.
struct SupervisionTests {
  // MARK: Restarts

  @Test func onlyProgressRenewsTheBudget() {
    var policy = RestartPolicy(most: 3)
    #expect(policy.next(progressed: false) == 1)
    #expect(policy.next(progressed: false) == 2)
    #expect(policy.next(progressed: true) == 1)
    #expect(policy.next(progressed: false) == 2)
    #expect(policy.next(progressed: false) == 4)
    #expect(policy.next(progressed: false) == nil)
    #expect(policy.next(progressed: true) == 1)
  }

  @Test func pausesEndAtAMinute() {
    var policy = RestartPolicy(most: 100)
    let pauses = (0..<100).compactMap { _ in policy.next(progressed: false) }
    #expect(pauses.count == 100 && pauses[5] == 32)
    #expect(pauses[6...].allSatisfy { $0 == 60 })
  }

  @Test func noBudgetIsNoRestart() {
    var policy = RestartPolicy(most: 0)
    #expect(policy.next(progressed: true) == nil)
  }

  @Test func whatAPersonMustMendIsNotTriedAgain() {
    let helped = ExitStatus.allCases.filter { RestartPolicy.mayHelp(after: $0) }
    #expect(helped == [.failure, .inputOutput, .watchdog])
  }

  // MARK: Escalation

  @Test func aWishToStopIsAskedThenInsistedThenEnforced() {
    var job = Escalation(grace: 10)
    #expect(job.advance(1) == nil)
    #expect(job.advance(1, stop: true, insists: true) == .ask)
    // A scheduler tells the job and each task in the same second.
    #expect(job.advance(0.5, stop: true, insists: true) == nil)
    #expect(job.advance(9) == nil && !job.isForced)
    #expect(job.advance(1) == .terminate)
    #expect(job.advance(4.9) == nil && job.isForced)
    #expect(job.advance(0.2) == .kill)
    #expect(job.advance(0.5) == nil)
    #expect(job.advance(0.6) == .kill)
  }

  @Test func aSecondWishDoesNotWaitForTheGrace() {
    var job = Escalation(grace: 1000)
    #expect(job.advance(0.1, stop: true, insists: false) == .ask)
    #expect(job.advance(5, stop: true, insists: false) == nil, "USR1 never ends by force")
    #expect(job.advance(5, stop: true, insists: true) == .terminate)
  }

  @Test func aJobThatHasEndedMayNotHang() {
    var job = Escalation(grace: 10)
    #expect(job.advance(11.9, hasVerdict: true) == nil)
    #expect(job.advance(0.2, hasVerdict: true) == .terminate)
    var empty = Escalation(grace: 10)
    #expect(empty.advance(29, isEmpty: true) == nil)
    // Someone was heard again.
    #expect(empty.advance(1) == nil && empty.advance(29, isEmpty: true) == nil)
    #expect(empty.advance(1, isEmpty: true) == .terminate)
  }

  @Test func whatStandsStillUnwatchedIsEndedAtOnce() {
    var job = Escalation(grace: 10)
    #expect(job.advance(1000) == nil)
    #expect(job.advance(0.25, isOverdue: true) == .terminate)
    #expect(job.isForced)
  }

  // MARK: Endings

  private func ending(
    code: Int32 = 0, signal: Int32 = 0, _ change: (inout JobEnding.Evidence) -> Void = { _ in }
  ) -> JobEnding {
    var evidence = JobEnding.Evidence(wait: code << 8 | signal)
    change(&evidence)
    return JobEnding(evidence)
  }

  private static let dead = JobVerdict(
    .dead, "rank 2 on node b died: step 9, forward; process 12 is gone",
    ranks: [RankState(rank: 2, node: "b", process: 12, condition: .dead, step: 9, phase: .forward)])

  @Test func aFinishedRunMustHaveASummary() {
    #expect(ending().status == .done)
    #expect(ending { $0.isComplete = true }.status == .done)
    let early = ending { $0.isComplete = false }
    #expect(early.status == .failure && early.sentence.contains("not finished"))
  }

  @Test func whatRanksDecideStands() {
    for status in ExitStatus.allCases where ![.done, .failure, .watchdog].contains(status) {
      let found = ending(code: status.rawValue)
      #expect(found.status == status && found.isTold)
    }
  }

  @Test func aSignalNamesTheRankThatDied() {
    for found in [
      ending(code: 137, { $0.verdict = Self.dead }), ending(signal: 9, { $0.verdict = Self.dead }),
    ] {
      #expect(found.status == .failure && found.signal == 9)
      #expect(found.culprit?.rank == 2 && found.culprit?.node == "b" && found.culprit?.step == 9)
      #expect(found.sentence.contains("rank 2 on node b died") && found.sentence.contains("Killed"))
    }
  }

  @Test func aRankThatLeavesEarlyIsNamedToo() {
    let found = ending(code: 1) { $0.verdict = Self.dead }
    #expect(found.status == .failure && found.signal == nil && !found.isTold)
    #expect(found.sentence.contains("it left by itself"))
  }

  @Test func aStandstillIsTheWatchdogsWhateverMpirunSays() {
    let late = JobVerdict(.late, "rank 1 on node a is late: step 3, input")
    for code: Int32 in [80, 137, 1, 9, 0] {
      let found = ending(code: code) {
        $0.verdict = late
        $0.isComplete = false
        $0.wasForced = true
      }
      #expect(found.status == .watchdog && found.sentence == late.sentence, "\(code)")
    }
  }

  @Test func aRunThatWasAskedToStopIsNotAFailure() {
    let found = ending(code: 137) { $0.wasAsked = true }
    #expect(found.status == .runAgain && !found.isTold)
    #expect(ending(code: 78) { $0.wasAsked = true }.status == .badConfiguration)
  }

  @Test func unknownCodesAreFailures() {
    #expect(ending(code: 9).status == .failure)
    let quiet = ending(code: 1) { $0.wasHeard = false }
    #expect(quiet.status == .failure && !quiet.isTold)
    #expect(quiet.sentence.contains("`launch/mpirun doctor`"))
    #expect(ending(code: 70).isTold)
    // What `ssh` ends with where it cannot reach a host.
    let agent = ending(code: 255)
    #expect(agent.status == .failure && agent.signal == nil && agent.sentence.contains("with 255"))
  }

  @Test func aFinishedRunStaysSoWhateverEndsItsProcesses() {
    for found in [
      ending(signal: 10) { ($0.hasFinished, $0.wasAsked) = (true, true) },
      ending(signal: 12) { $0.hasFinished = true }, ending(code: 139) { $0.hasFinished = true },
      ending(code: 1) { ($0.hasFinished, $0.wasForced) = (true, true) },
    ] {
      #expect(found.status == .done && found.sentence.hasPrefix("the run is complete; "))
    }
    // The summary may be of an earlier run.
    #expect(ending(signal: 12) { $0.isComplete = true }.status == .failure)
    #expect(ending(code: 74) { $0.hasFinished = true }.status == .inputOutput)
  }

  @Test func aJobThatEndsByItselfBeforeItHeardTheWishIsToRunAgain() {
    let found = ending { ($0.isComplete, $0.wasAsked) = (false, true) }
    #expect(found.status == .runAgain)
  }

  @Test func whatTheSupervisorKilledDidNotWantMemory() {
    let ended = JobVerdict(.ended, "the supervisor ended what was left of the job")
    for verdict in [nil, ended, Self.dead] {
      let found = ending(signal: 9) { ($0.wasForced, $0.verdict) = (true, verdict) }
      #expect(found.status == .failure && found.signal == nil)
      #expect(found.sentence.hasSuffix("mpirun did not end and was killed"), "\(found.sentence)")
    }
  }

  // MARK: Hosts

  @Test func hostsAreReadAsMpirunReadsThem() throws {
    let list = try HostList("a:2, b,c:3,b")
    #expect(list.hosts.map(\.name) == ["a", "b", "c"])
    #expect(list.text == "a:2,b:2,c:3" && list.slots == 7)
    #expect(list.placing(3).text == "a:2,b:1")
    #expect((0...7).map { list.host(ofRank: $0) } == ["a", "a", "b", "b", "c", "c", "c", nil])
  }

  @Test(arguments: [
    "", ",", "a:0", "a:-1", "a:x", "a:1:2", "-a", "a slots=0", "a;b", "/no/such/file",
  ])
  func wrongHostsAreRefused(text: String) {
    #expect(throws: TrainingError.self) { try HostList(text) }
  }
}
