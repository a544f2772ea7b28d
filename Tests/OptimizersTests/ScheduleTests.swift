import Configuration
import Optimizers
import Testing

/// Expected values were recorded from PyTorch 2.13's schedulers with a peak rate of 1.
@Suite struct ScheduleTests {
  private func factors(_ form: ScheduleConfiguration.Form, _ steps: Int) -> [Double] {
    let schedule = Schedule(ScheduleConfiguration(form: form), totalSteps: steps)
    return (0..<steps).map(schedule.factor)
  }

  private func expectEqual(
    _ found: [Double], _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
    for (index, pair) in zip(found, expected).enumerated() {
      #expect(abs(pair.0 - pair.1) < 1e-14, "step \(index)", sourceLocation: sourceLocation)
    }
  }

  @Test func cosineEqualsCosineAnnealing() {
    expectEqual(
      factors(.cosine(final: 0.1), 10),
      [
        1.0, 0.9779754323328191, 0.9140576474687263, 0.8145033635316129, 0.6890576474687263, 0.55,
        0.41094235253127376, 0.2854966364683872, 0.18594235253127372, 0.12202456766718092,
      ])
  }

  @Test func polynomialEqualsPolynomial() {
    expectEqual(
      factors(.polynomial(final: 0, power: 2), 10),
      [1.0, 0.81, 0.64, 0.49, 0.36, 0.25, 0.16, 0.09, 0.04, 0.01])
  }

  @Test func polynomialEndsAboveItsFinalValue() {
    expectEqual(factors(.polynomial(final: 0.5, power: 1), 4), [1, 0.875, 0.75, 0.625])
  }

  @Test func stepEqualsMultiStep() {
    expectEqual(
      factors(.step(milestones: [3, 6], gamma: 0.1), 8), [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])
  }

  @Test func oneCycleEqualsOneCycle() {
    expectEqual(
      factors(.oneCycle(initial: 1.0 / 25, final: 4e-6, peakAt: 0.3), 10),
      [
        0.04, 0.52, 1.0, 0.9504846320134737, 0.8117456539497631, 0.6112620219362893,
        0.38874197806371075, 0.18825834605023697, 0.049519367986526286, 4e-06,
      ])
  }

  @Test(arguments: [1, 2, 3]) func oneCycleStaysWithinItsBoundsOnShortRuns(steps: Int) {
    for factor in factors(.oneCycle(initial: 0.04, final: 0.01, peakAt: 0.3), steps) {
      #expect(factor >= 0.01 && factor <= 1)
    }
  }

  @Test func warmupRisesLinearlyAndThenTheFormBegins() {
    let schedule = Schedule(
      ScheduleConfiguration(form: .cosine(final: 0), warmupSteps: 4), totalSteps: 14)
    expectEqual((0..<5).map(schedule.factor), [0.25, 0.5, 0.75, 1, 1])
    expectEqual([schedule.factor(at: 9)], [0.5])
    // A milestone counts all steps, warm-up included.
    let step = Schedule(
      ScheduleConfiguration(form: .step(milestones: [3], gamma: 0.5), warmupSteps: 2),
      totalSteps: 5)
    expectEqual((0..<5).map(step.factor), [0.5, 1, 1, 0.5, 0.5])
  }

  @Test func constantAndPlateauAreOne() {
    expectEqual(factors(.constant, 3), [1, 1, 1])
    expectEqual(
      factors(.plateau(metric: "loss", factor: 0.5, patience: 1, minimum: 0), 3), [1, 1, 1])
  }

  @Test func stepsBeyondTheEndKeepTheLastValue() {
    let schedule = Schedule(
      ScheduleConfiguration(form: .polynomial(final: 0.1, power: 2)), totalSteps: 10)
    expectEqual([schedule.factor(at: 10), schedule.factor(at: 1000)], [0.1, 0.1])
  }
}

@Suite struct PlateauStateTests {
  private let schedule = ScheduleConfiguration(
    form: .plateau(metric: "loss", factor: 0.5, patience: 1, minimum: 0.2))

  // ReduceLROnPlateau(factor=0.5, patience=1, threshold=0, min_lr=0.2) on a rate of 1.
  private let metrics = [1.0, 0.9, 0.95, 0.91, 0.9, 0.89, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
  private let expected = [1.0, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2]

  @Test func equalsReduceOnPlateau() {
    var state = PlateauState()
    let found = metrics.map { metric in
      state.observe(metric, better: .lower, in: schedule)
      return state.factor
    }
    #expect(found == expected)
  }

  @Test func higherMetricsMirrorLowerOnes() {
    var state = PlateauState()
    let found = metrics.map { metric in
      state.observe(-metric, better: .higher, in: schedule)
      return state.factor
    }
    #expect(found == expected)
  }

  @Test func notANumberIsNoImprovement() {
    var state = PlateauState()
    state.observe(.nan, better: .lower, in: schedule)
    #expect(state.best == nil && state.badEvaluations == 1)
    state.observe(2, better: .lower, in: schedule)
    state.observe(.nan, better: .lower, in: schedule)
    state.observe(.nan, better: .lower, in: schedule)
    #expect(state.best == 2 && state.factor == 0.5)
  }

  @Test func otherSchedulesLeaveItAlone() {
    var state = PlateauState()
    for _ in 0..<5 {
      state.observe(1, better: .lower, in: ScheduleConfiguration(form: .constant))
    }
    #expect(state == PlateauState())
  }
}
