import Reports
import Testing

struct RooflineTests {
  private func chart(_ dots: [RooflineChart.Dot]) -> String {
    RooflineChart(
      title: "a <net>", peak: 100e9, bandwidth: 10e9, dots: dots,
      whole: .init(label: "a step", kind: "all", intensity: 20, rate: 50e9, share: 1)
    ).svg()
  }

  @Test func aDotUnderTheRidgeLiesOnTheRoofWhenItRunsAtFullBandwidth() throws {
    let text = chart([
      .init(label: "slow", kind: "pool", intensity: 1, rate: 10e9, share: 0.25),
      .init(label: "fast", kind: "conv", intensity: 50, rate: 100e9, share: 0.5),
    ])
    // The roof begins where memory alone counts, bends at ten operations per byte, and is level from there.
    let roof = try #require(
      text.firstMatch(of: /<path d="M([0-9.]+) ([0-9.]+)L([0-9.]+) ([0-9.]+)H/))
    let (_, left, low, ridge, top) = roof.output
    let numbers = try [left, low, ridge, top].map { try #require(Double($0)) }
    let circles = try text.matches(of: /<circle cx="([0-9.]+)" cy="([0-9.]+)" r="([0-9.]+)"/).map {
      try [$0.output.1, $0.output.2, $0.output.3].map { try #require(Double($0)) }
    }
    let (fast, slow) = (circles[0], circles[1])
    #expect(abs(fast[1] - numbers[3]) < 0.11)
    let slope = (numbers[3] - numbers[1]) / (numbers[2] - numbers[0])
    #expect(abs(numbers[1] + slope * (slow[0] - numbers[0]) - slow[1]) < 0.3)
    // Areas go by shares of time, above the smallest circle.
    #expect(abs((fast[2] - 3) / (slow[2] - 3) - 2.0.squareRoot()) < 0.02)
  }

  @Test func partsWithoutWorkAreLeftOutAndTextIsEscaped() {
    let text = chart([
      .init(label: "shape", kind: "flatten", intensity: .nan, rate: 0, share: 0),
      .init(label: "a<b", kind: "conv", intensity: 5, rate: 1e9, share: 0.1),
    ])
    #expect(text.contains("a &lt;net&gt;") && text.contains("a&lt;b") && !text.contains("shape"))
    #expect(!text.contains("nan") && !text.contains("inf"))
  }
}
