import Foundation
import Reports
import Testing

/// Charts show what they are given.
@Suite struct ChartTests {
  private func chart(
    _ values: [Double], style: ChartSeries.Style = .line, logarithmic: Bool? = nil
  ) -> String {
    let points = values.enumerated().map { (x: Double($0 * 10), y: $1) }
    let series = ChartSeries(name: "loss", points: points, style: style, colour: 0)
    return SVGChart(title: "Loss", series: [series], isLogarithmic: logarithmic).html()
  }

  private func path(_ html: String) -> String {
    let start = html.components(separatedBy: "<path class=\"line s0\" d=\"")
    return start.count == 2 ? String(start[1].prefix { $0 != "\"" }) : ""
  }

  @Test func aStraightLineIsStraight() {
    // x from 58 to 626 for steps 0 to 20, y from 250 up to 10 for values 0 to 4.
    #expect(path(chart([0, 2, 4])) == "M58 250L342 130L626 10")
  }

  @Test func gapsBreakTheLine() {
    #expect(path(chart([0, .nan, 4])) == "M58 250M626 10")
  }

  @Test func logarithmsNeedPositiveValues() {
    #expect(chart([100, 1]).contains("logarithmic"))
    #expect(!chart([100, 0]).contains("logarithmic"))
    #expect(!chart([100, -1], logarithmic: true).contains("logarithmic"))
    #expect(!chart([100, 3]).contains("logarithmic"))
    for tick in [">1<", ">10<", ">100<"] { #expect(chart([100, 1]).contains(tick)) }
  }

  @Test(arguments: [
    [5], [5, 5, 5], [0, 0], [-3, -3], [1e-30, 2e-30], [1e30, 2e30], [-1e308, 1e308],
    [.infinity, 1],
    [.leastNonzeroMagnitude, 1],
  ])
  func extremesNeitherTrapNorPrintNonsense(_ values: [Double]) {
    for logarithmic in [nil, true, false] {
      let html = chart(values, style: .dotted, logarithmic: logarithmic).lowercased()
      #expect(!html.contains("nan"))
      #expect(!html.contains("inf"))
      #expect(html.utf8.count < 20_000)
    }
  }

  @Test func nothingToDrawIsNothing() {
    #expect(chart([]) == "")
    #expect(chart([.nan]) == "")
  }

  @Test func aMillionStepsStaySmallAndKeepTheirPeak() {
    var values = [Double](repeating: 1, count: 1_000_000)
    values[654_321] = 2
    let html = chart(values)
    #expect(html.utf8.count < 60_000)
    // The only point at the top edge, where y is 2.
    #expect(path(html).contains(" 10L"))
  }

  @Test func smoothingIsACentredMean() {
    let points = [1.0, 2, 3, 10, .nan, 4].enumerated().map { (x: Double($0), y: $1) }
    let mean = ChartSeries.smoothed(points, reach: 1)
    #expect(mean.map(\.x) == [0, 1, 2, 3, 5])
    #expect(mean.map(\.y) == [1.5, 2, 5, 17.0 / 3, 7])
  }

  @Test func readingsTellTheLastKnownValues() {
    #expect(chart([1, 2]).contains("<title>step 10\nloss: 2.0000</title>"))
  }
}
