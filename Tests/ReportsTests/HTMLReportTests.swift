import Foundation
import Reports
import Testing

/// The report is one whole, harmless file.
@Suite struct HTMLReportTests {
  private let evil = "<script>alert('x')</script>\"&"
  private let safe = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"

  /// A report that uses every part, with `name` wherever a name can stand.
  private func content(_ name: String) -> ReportContent {
    var content = ReportContent(title: name)
    content.subtitle = name
    content.isSynthetic = true
    content.warnings = [name]
    content.verdict = [ReportFigure(name, name, note: name)]
    for step in 1...40 {
      content.training.append(
        TrainingPoint(
          step: step, loss: step == 7 ? .nan : 2 / Double(step), learningRate: 1e-3,
          samplesPerSecond: 1000))
    }
    content.evaluations = [20, 40].map { step in
      EvaluationPoint(
        step: step, values: [("loss", 0.5), (name, 0.9), ("rmse", 3), ("broken", .nan)])
    }
    content.confusions = [
      ConfusionContent(title: name, classes: [name, "b"], counts: [[8, 2], [0, 5]])
    ]
    content.times = [
      TimeShare(name, seconds: 3), TimeShare("other", seconds: 1), TimeShare("none", seconds: 0),
    ]
    content.layers = [
      LayerRow(name: name, kind: name, shape: [2, 3], parameters: 1234, operations: 5_000_000)
    ]
    var table = ComparisonTable(title: name, rowTitle: name, columns: [.init(name)])
    table.add(name, [nil])
    content.comparisons = [table]
    content.provenance = [ReportFact(name, name)]
    content.environment = [ReportFact(name, name)]
    content.configuration = name
    content.footer = name
    return content
  }

  @Test func namesNeverBecomeMarkup() {
    let html = HTMLReport(content(evil)).html()
    #expect(!html.contains("<script"))
    #expect(!html.contains("alert('x')"))
    // Every place of the content shows it, escaped.
    #expect(html.components(separatedBy: safe).count - 1 >= 24)
  }

  @Test func nothingIsLoadedFromElsewhere() {
    let html = HTMLReport(content("plain")).html()
    for word in ["http://", "https://", "src=", "url(", "@import", "<link", "<script", "<iframe"] {
      #expect(!html.contains(word), "\(word)")
    }
    #expect(html.contains("default-src 'none'"))
  }

  @Test func tagsBalance() throws {
    let html = HTMLReport(content(evil)).html()
    let body = try #require(html.range(of: "<body>")).lowerBound
    let end = try #require(html.range(of: "</body>")).upperBound
    let tags = TagBalance(String(html[body..<end]))
    #expect(tags.mistake == nil)
    #expect(tags.elements > 100)
  }

  @Test func whatIsNotFiniteNeverShows() {
    let html = HTMLReport(content("plain")).html().lowercased()
    #expect(!html.contains("nan"))
    #expect(!html.contains("inf"))
  }

  @Test func anEmptyReportHasNoSections() {
    let html = HTMLReport(ReportContent(title: "bare")).html()
    #expect(html.contains("<h1>bare</h1>"))
    #expect(!html.contains("<section>"))
    #expect(!html.contains("Synthetic"))
  }

  @Test func equalContentsGiveEqualBytes() {
    #expect(HTMLReport(content("a")).html() == HTMLReport(content("a")).html())
  }

  @Test func confusionsAreShadedByRow() {
    let html = HTMLReport(content("a")).html()
    #expect(
      html.contains(
        "<td class=\"hit dark\" style=\"--v:0.800\" title=\"80.00 % of a predicted as a\">8</td>"
          + "<td class=\"miss\" style=\"--v:0.447\" title=\"20.00 % of a predicted as b\">2</td>"
          + "<td class=\"recall\">80.0 %</td>"))
    #expect(
      html.contains(
        "<tr><th scope=\"row\">a</th><td class=\"text\">b</td><td>2</td><td>20.0 %</td></tr>"))
  }

  @Test func timeSharesAddUp() {
    let html = HTMLReport(content("input")).html()
    #expect(
      html.contains(
        "<i class=\"b0\" style=\"flex-grow:750.0\" title=\"input: 75.0 %\"></i>"
          + "<i class=\"bx\" style=\"flex-grow:250.0\" title=\"other: 25.0 %\"></i>"))
    #expect(html.contains("<td>4.00 s</td>"))
  }
}

/// Whether every element that opens also closes, in order.
private struct TagBalance {
  /// The first mistake, or nil.
  var mistake: String?
  /// The elements that opened.
  var elements = 0

  init(_ text: String) {
    var open: [String] = []
    for part in text.split(separator: "<", omittingEmptySubsequences: false).dropFirst() {
      guard let end = part.firstIndex(of: ">") else {
        mistake = mistake ?? "no end: <\(part.prefix(40))"
        continue
      }
      let tag = part[..<end]
      let name = String(tag.drop { $0 == "/" }.prefix { !$0.isWhitespace && $0 != "/" })
      if tag.hasPrefix("/") {
        if open.popLast() != name { mistake = mistake ?? "</\(name)> closes nothing" }
      } else {
        elements += 1
        if !tag.hasSuffix("/") { open.append(name) }
      }
    }
    if !open.isEmpty { mistake = mistake ?? "left open: \(open)" }
  }
}
