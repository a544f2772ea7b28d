/// A run's report: one HTML file that needs nothing else, not even a network or a script.
///
/// - What it shows: the verdict in numbers, curves, confusion matrices, where the time went, the
///   model, comparisons, the data's origin, the environment and the configuration.
/// - Light, dark and paper come from one style sheet.
public struct HTMLReport: Sendable {
  /// What the report shows.
  public let content: ReportContent

  /// A report of `content`.
  public init(_ content: ReportContent) { self.content = content }

  /// The whole file; equal contents give equal bytes.
  public func html() -> String {
    let title = HTMLText.escaped(content.title)
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <title>\(title)</title>
      <style>
      \(HTMLStyle.sheet)
      </style>
      </head>
      <body>
      <main>
      \(header(title))\(sections())\(footer())</main>
      </body>
      </html>

      """
  }

  private func header(_ title: String) -> String {
    var text = "<header>\n<h1>\(title)</h1>\n"
    if !content.subtitle.isEmpty {
      text += "<p class=\"sub\">\(HTMLText.escaped(content.subtitle))</p>\n"
    }
    text += "</header>\n"
    if content.isSynthetic {
      text +=
        "<p class=\"banner synthetic\"><b>Synthetic data.</b> The samples were drawn by a "
        + "program; results say nothing about real data.</p>\n"
    }
    for warning in content.warnings {
      text += "<p class=\"banner warning\">\(HTMLText.escaped(warning))</p>\n"
    }
    guard !content.verdict.isEmpty else { return text }
    let figures = content.verdict.map { figure in
      let note = figure.note.isEmpty ? "" : "<small>\(HTMLText.escaped(figure.note))</small>"
      return "<div><dt>\(HTMLText.escaped(figure.label))</dt>"
        + "<dd>\(HTMLText.escaped(figure.value))\(note)</dd></div>"
    }
    return text + "<dl class=\"verdict\">\n\(figures.joined(separator: "\n"))\n</dl>\n"
  }

  private func sections() -> String {
    let facts = HTMLReport.facts
    let parts: [(title: String, body: String)] = [
      ("Curves", charts()),
      ("Comparison", content.comparisons.map { $0.html() }.joined()),
      ("Confusion", content.confusions.map { $0.html() }.joined()),
      ("Where the time went", timeShares() + rankTimes()),
      ("Model", model()),
      ("Pruning", pruning()),
      ("Data", facts(content.provenance)),
      ("Environment", facts(content.environment)),
      ("Configuration", configuration()),
    ]
    return parts.filter { !$0.body.isEmpty }
      .map { "<section>\n<h2>\($0.title)</h2>\n\($0.body)</section>\n" }.joined()
  }

  private func configuration() -> String {
    guard !content.configuration.isEmpty else { return "" }
    return "<pre tabindex=\"0\">\(HTMLText.escaped(content.configuration))</pre>\n"
  }

  private func footer() -> String {
    guard !content.footer.isEmpty else { return "" }
    return "<footer>\(HTMLText.escaped(content.footer))</footer>\n"
  }

  /// Names and values as a list of two columns.
  private static func facts(_ facts: [ReportFact]) -> String {
    guard !facts.isEmpty else { return "" }
    let rows = facts.map {
      "<div><dt>\(HTMLText.escaped($0.name))</dt><dd>\(HTMLText.escaped($0.value))</dd></div>"
    }
    return "<dl class=\"facts\">\n\(rows.joined(separator: "\n"))\n</dl>\n"
  }
}
