import Configuration
import Pruning
import Testing

struct PruningScheduleTests {
  private func polynomial(
    initial: Double = 0, final: Double = 0.9, _ begin: Int, _ end: Int, every: Int,
    power: Double = 3, steps: Int = 10_000
  ) throws -> PruningSchedule {
    try PruningSchedule(
      .polynomial(
        initial: initial, final: final, begin: begin, end: end, every: every, power: power),
      totalSteps: steps)
  }

  /// What tfmot's `PolynomialDecay(0, 0.9, 0, 1000)` gives every tenth of the way.
  @Test func polynomialIsThatOfTheToolkit() throws {
    let golden = [
      0, 0.2439, 0.4392, 0.5913, 0.7056, 0.7875, 0.8424, 0.8757, 0.8928, 0.8991, 0.9,
    ]
    let schedule = try polynomial(200, 1200, every: 100)
    for (index, value) in golden.enumerated() {
      #expect(abs(schedule.sparsity(after: 200 + 100 * index) - value) < 1e-12)
    }
    #expect(schedule.sparsity(after: 199) == 0)
    #expect(schedule.sparsity(after: 5000) == 0.9)
  }

  @Test func polynomialStartsWhereAskedAndTakesAnyPower() throws {
    let schedule = try polynomial(initial: 0.5, final: 0.8, 0, 100, every: 10, power: 1)
    #expect(schedule.sparsity(after: 0) == 0.5)
    #expect(abs(schedule.sparsity(after: 50) - 0.65) < 1e-12)
  }

  @Test func stepsAreThoseOfTheToolkitAndTheLast() throws {
    let due = try polynomial(10, 35, every: 10).dueSteps
    #expect(due == [10, 20, 30, 35])
    // Where the interval meets the end there is no other step.
    #expect(try polynomial(10, 30, every: 10).dueSteps == [10, 20, 30])
    #expect(try polynomial(10, 10, every: 7).dueSteps == [10])
    #expect(try polynomial(10, 10, every: 7).sparsity(after: 10) == 0.9)
  }

  @Test func constantAndOneShot() throws {
    let constant = try PruningSchedule(
      .constant(sparsity: 0.5, begin: 3, end: nil, every: 4), totalSteps: 13)
    #expect(constant.dueSteps == [3, 7, 11, 13])
    #expect(constant.sparsity(after: 2) == 0 && constant.sparsity(after: 3) == 0.5)
    let once = try PruningSchedule(.oneShot(sparsity: 0.7, at: 5), totalSteps: 13)
    #expect(once.dueSteps == [5] && once.finalSparsity == 0.7)
  }

  @Test func iterativeTakesAFifthOfTheRestEachRound() throws {
    let schedule = try iterative(rewind: nil)
    // 0.8^n falls to 0.5 in the fourth round.
    #expect(schedule.rounds == 4 && schedule.dueSteps == [100, 160, 220, 280])
    let sparsities = schedule.dueSteps.map { schedule.sparsity(after: $0) }
    for (found, expected) in zip(sparsities, [0.2, 0.36, 0.488, 0.5]) {
      #expect(abs(found - expected) < 1e-12)
    }
    #expect(schedule.finalSparsity == 0.5)
    #expect(schedule.learningRateStep(of: 150) == 150 && schedule.learningRateSteps == 1000)
  }

  @Test(arguments: [
    PruningConfiguration.Rewind.weights(to: 40), .learningRate(to: 40),
  ])
  func rewindingReplaysTheLearningRate(rewind: PruningConfiguration.Rewind) throws {
    let schedule = try iterative(rewind: rewind)
    #expect(schedule.learningRateSteps == 100)
    let steps = [99, 100, 101, 159, 160, 280, 320, 900].map(schedule.learningRateStep)
    #expect(steps == [99, 40, 41, 99, 40, 40, 80, 99])
  }

  @Test func aScheduleThatEndsAfterTrainingIsRefused() throws {
    #expect { try polynomial(0, 1001, every: 10, steps: 1000) } throws: { error in
      (error as? PruningError)?.code == .impossibleTarget && "\(error)".contains("1001")
        && "\(error)".contains("1000")
    }
    #expect(throws: Never.self) { try polynomial(0, 1000, every: 10, steps: 1000) }
    #expect(throws: PruningError.self) {
      try PruningSchedule(.constant(sparsity: 0.5, begin: 30, end: nil, every: 1), totalSteps: 20)
    }
  }

  private func iterative(rewind: PruningConfiguration.Rewind?) throws -> PruningSchedule {
    try PruningSchedule(
      .iterative(final: 0.5, fraction: 0.2, begin: 100, every: 60, rewind: rewind),
      totalSteps: 1000)
  }
}

extension PruningSchedule {
  /// The steps after which a mask is chosen.
  fileprivate var dueSteps: [Int] { (0...totalSteps).filter(isDue) }
}
