import Testing
import Training

/// Who kept the others waiting, and why, from made-up times.
struct AttributionTests {
  static let millisecond = 1_000_000

  /// A run of `steps` steps on `ranks` ranks that take 10 ms each; `change` makes one of them different.
  ///
  /// Steps end together: all wait for the last one, then exchange for 2 ms.
  static func run(
    steps: Int, ranks: Int, _ change: (Int, inout [StepTimes]) -> Void
  ) -> Attribution {
    var attribution = Attribution(ranks: ranks)
    var clock = 0
    for step in 1...steps {
      var times = (0..<ranks).map { _ in
        StepTimes(
          start: clock, finish: 0, input: millisecond / 10, compute: 8 * millisecond, exchange: 0,
          update: millisecond / 2)
      }
      change(step, &times)
      let ready = times.map { $0.start + $0.input + $0.compute }.max() ?? 0
      let end = ready + 2 * millisecond + (times.map(\.update).max() ?? 0)
      for rank in times.indices where times[rank].finish == 0 {
        times[rank].finish = end
        times[rank].exchange =
          end - times[rank].start - times[rank].input - times[rank].compute - times[rank].update
      }
      attribution.add(step: step, times)
      clock = times.map(\.finish).max() ?? end
    }
    return attribution
  }

  static func findings(_ attribution: Attribution) -> [String] {
    let count = attribution.ranks.count
    return TimingReport(
      attribution, phases: (0..<count).map { _ in [Double](repeating: 0, count: 10) },
      nodes: (0..<count).map { "n\($0)" }
    ).findings
  }

  @Test func whatARankCostComesBeforeHowOftenItIsLate() {
    let attribution = Self.run(steps: 100, ranks: 3) { step, times in
      if step % 5 < 2 {
        times[1].input += 40 * Self.millisecond
      } else {
        times[0].compute += Self.millisecond
      }
    }
    let found = Self.findings(attribution)
    #expect(
      found.first
        == "rank 1 on node n1 was last in 40 % of steps, by 40.0 ms on average: its own input")
    #expect(
      found.dropFirst().first?.hasPrefix("rank 0 on node n0 was last in 60 % of steps") == true)
  }

  @Test func aSlowInputIsTheRanksOwnFault() {
    let attribution = Self.run(steps: 100, ranks: 4) { step, times in
      if step % 33 != 0 { times[2].input += 19 * Self.millisecond }
    }
    let late = attribution.ranks[2]
    #expect(late.lateSteps == 97)
    #expect(late.cause == .input)
    #expect(abs(late.lateSeconds / 97 - 0.019) < 1e-9)
    #expect(
      Self.findings(attribution).first
        == "rank 2 on node n2 was last in 97 % of steps, by 19.0 ms on average: its own input")
    // The others only waited, and for as long as that.
    for rank in [0, 1, 3] {
      #expect(attribution.ranks[rank].lateSteps == 0)
      #expect(abs(attribution.ranks[rank].waitSeconds - 97 * 0.019) < 1e-9)
    }
    #expect(late.waitSeconds == 0)
  }

  @Test func slowComputeIsToldFromSlowInput() {
    let attribution = Self.run(steps: 50, ranks: 2) { _, times in
      times[0].compute += 3 * Self.millisecond
    }
    #expect(attribution.ranks[0].lateSteps == 50 && attribution.ranks[0].cause == .compute)
    #expect(attribution.ranks[1].lateSteps == 0)
  }

  @Test func aLateStartIsTheNetworksOrTheRanksOwn() {
    // Rank 1 gets its weights 4 ms after the others, so it starts late with nothing done meanwhile.
    let network = Self.run(steps: 60, ranks: 3) { step, times in
      if step > 1 { times[1].start += 4 * Self.millisecond }
      times[0].finish = times[0].start + 20 * Self.millisecond
      times[2].finish = times[0].finish
      times[1].finish = times[0].finish + 4 * Self.millisecond
      // The common clock goes on from the last finish; take that lead back.
      if step > 1 { for rank in 0..<3 { times[rank].start -= 4 * Self.millisecond } }
    }
    #expect(network.ranks[1].cause == .network)
    #expect(network.ranks[1].lateSteps >= 58)
    // Rank 0 writes something between the steps.
    let between = Self.run(steps: 60, ranks: 3) { step, times in
      if step > 1 { times[0].start += 4 * Self.millisecond }
    }
    #expect(between.ranks[0].cause == .between && between.ranks[0].lateSteps == 59)
  }

  @Test func aSlowUpdateIsFound() {
    let attribution = Self.run(steps: 20, ranks: 3) { _, times in
      times[1].update += 5 * Self.millisecond
    }
    #expect(attribution.ranks[1].cause == .update && attribution.ranks[1].lateSteps == 20)
  }

  @Test func oneDelayIsNoHabit() {
    let attribution = Self.run(steps: 80, ranks: 2) { step, times in
      if step == 41 { times[1].compute += 900 * Self.millisecond }
    }
    #expect(attribution.ranks[1].lateSteps == 1)
    #expect(attribution.ranks[1].trend < 0.1)
    #expect(
      Self.findings(attribution).first
        == "once, in step 41, rank 1 on node n1 was late by 900 ms: its own compute")
  }

  @Test func aHabitThatIsNewIsSeenByItsTrend() {
    let attribution = Self.run(steps: 400, ranks: 2) { step, times in
      if step > 300 { times[0].input += 5 * Self.millisecond }
    }
    #expect(attribution.ranks[0].lateSteps == 100)
    #expect(attribution.ranks[0].trend > 0.8)
  }

  @Test func smallDifferencesAreNoFinding() {
    let attribution = Self.run(steps: 50, ranks: 4) { step, times in
      times[step % 4].compute += Self.millisecond / 10
    }
    #expect(attribution.ranks.allSatisfy { $0.lateSteps == 0 })
    #expect(Self.findings(attribution).first == "no rank kept the others waiting as a rule")
  }
}
