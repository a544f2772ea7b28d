import Configuration
import Preparation
import Testing

/// Drawn numbers: what they depend on, and how they are distributed.
@Suite struct NoiseTests {
  private func draw(_ bench: Workbench, samples: Int, first: Int = 0, seed: UInt64 = 7) throws {
    func noise(_ shape: [Int], below: Int? = nil) -> RecipeSource.Kind {
      .noise(NoiseSource(shape: shape, below: below, samples: samples, seed: seed, first: first))
    }
    try bench.prepare(
      recipe(
        [
          ("pictures", noise([4, 3, 2])), ("others", noise([4, 3, 2])),
          ("words", noise([5], below: 7)),
          ("numbers", noise([])), ("classes", noise([], below: 3)),
        ],
        train: [
          ("picture", "pictures"), ("other", "others"), ("ids", "words"), ("number", "numbers"),
          ("label", "classes"),
        ],
        fields: [
          ("picture", .value(shape: nil, normalize: false)),
          ("other", .value(shape: nil, normalize: false)), ("ids", .ids),
          ("number", .value(shape: nil, normalize: false)),
          ("label", .label(.init(classes: ["a", "b", "c"]))),
        ]))
  }

  @Test func dependsOnNameSeedAndNumberAlone() throws {
    let bench = try Workbench()
    try draw(bench, samples: 30)
    let picture = try bench.floats("train/picture")
    let ids = try bench.labels("train/ids")
    #expect(try bench.dataset("train/picture").shape == [30, 4, 3, 2])
    #expect(try bench.dataset("train/ids").shape == [30, 5])
    #expect(try bench.dataset("train/number").shape == [30])
    #expect(try bench.floats("train/other") != picture)
    try draw(bench, samples: 12, first: 18)
    #expect(try bench.floats("train/picture") == Array(picture[(18 * 24)...]))
    #expect(try bench.labels("train/ids") == Array(ids[(18 * 5)...]))
    try draw(bench, samples: 12, first: 18, seed: 8)
    #expect(try bench.floats("train/picture") != Array(picture[(18 * 24)...]))
  }

  /// Mean, variance and fourth moment within five deviations of their own; counts by chi-squared.
  @Test func isNormalAndEven() throws {
    let bench = try Workbench()
    try draw(bench, samples: 4000)
    let numbers = try bench.floats("train/picture").map(Double.init)
    let count = Double(numbers.count)
    let moments = [1, 2, 4].map { power in
      numbers.reduce(0) { sum, number in
        sum + (0..<power).reduce(1) { product, _ in product * number }
      }
        / count
    }
    for (moment, (expected, variance)) in zip(moments, [(0.0, 1.0), (1, 2), (3, 96)]) {
      #expect(abs(moment - expected) < 5 * (variance / count).squareRoot())
    }
    for (field, below) in [("ids", 7), ("label", 3)] {
      let drawn = try bench.labels("train/\(field)")
      var counts = [Double](repeating: 0, count: below)
      for number in drawn { counts[Int(number)] += 1 }
      let expected = Double(drawn.count) / Double(below)
      let distance = counts.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected }
      // Six degrees of freedom exceed 30 once in 25,000 times.
      #expect(distance < 30)
    }
  }
}
