/// A picture of who did what when: one row per rank, one colour per kind of work.
///
/// A whole SVG file with colours of its own, so that it can stand in a document.
public struct TimelineChart: Sendable {
  /// One coloured stretch of a row.
  public struct Span: Sendable, Equatable {
    /// Seconds from the left edge.
    public let start: Double
    /// Seconds from the left edge, not before `start`.
    public let end: Double
    /// The kind of work, one of the chart's.
    public let kind: String

    /// A stretch from its parts.
    public init(_ start: Double, _ end: Double, _ kind: String) {
      self.start = start
      self.end = end
      self.kind = kind
    }
  }

  /// One row: a label and its stretches.
  public struct Row: Sendable, Equatable {
    /// What stands left of it.
    public let label: String
    /// The stretches, in any order.
    public let spans: [Span]

    /// A row from its parts.
    public init(_ label: String, _ spans: [Span]) {
      self.label = label
      self.spans = spans
    }
  }

  /// What the picture shows, in words.
  public let title: String
  /// The kinds of work in the order of the legend.
  public let kinds: [String]
  /// The rows, top to bottom.
  public let rows: [Row]

  private static let (width, left, right) = (960.0, 90.0, 14.0)
  private static let (top, rowHeight, gap) = (34.0, 26.0, 6.0)
  static let colours = [
    "#eda100", "#2a78d6", "#4a3aa7", "#e34948", "#eb6834", "#1baf7a", "#e87ba4", "#008300",
    "#7d7b74", "#d9d8d2",
  ]

  /// A picture from its parts.
  public init(title: String, kinds: [String], rows: [Row]) {
    self.title = title
    self.kinds = kinds
    self.rows = rows
  }

  /// The right edge in seconds.
  private var extent: Double { max(rows.flatMap(\.spans).map(\.end).max() ?? 0, 1e-9) }

  private var floor: Double { Self.top + Double(rows.count) * (Self.rowHeight + Self.gap) }

  private func across(_ seconds: Double) -> Double {
    Self.left + seconds / extent * (Self.width - Self.left - Self.right)
  }

  private func colour(_ kind: String) -> String {
    Self.colours[(kinds.firstIndex(of: kind) ?? Self.colours.count - 1) % Self.colours.count]
  }

  private static func text(_ value: Double) -> String { HumanUnits.fixed(value, digits: 1) }

  /// The file's text; equal charts give equal bytes.
  public func svg() -> String {
    let height = floor + 66
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.text(Self.width)) \(Self.text(height))" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="\(HTMLText.escaped(title))">
      <rect width="100%" height="100%" fill="#fcfcfb"/>
      <text x="\(Self.text(Self.left))" y="20" font-size="13" font-weight="600" fill="#14140f">\(HTMLText.escaped(title))</text>
      \(bars())\(axis())\(legend(height - 14))</svg>

      """
  }

  private func bars() -> String {
    var text = ""
    for (index, row) in rows.enumerated() {
      let y = Self.top + Double(index) * (Self.rowHeight + Self.gap)
      text +=
        "<text x=\"\(Self.text(Self.left - 8))\" y=\"\(Self.text(y + 17))\" text-anchor=\"end\" "
        + "fill=\"#52514e\">\(HTMLText.escaped(row.label))</text>\n"
      for span in row.spans {
        let start = across(span.start)
        let width = max(0.1, across(span.end) - start)
        text +=
          "<rect x=\"\(HumanUnits.fixed(start, digits: 2))\" y=\"\(Self.text(y))\" "
          + "width=\"\(HumanUnits.fixed(width, digits: 2))\" height=\"\(Self.text(Self.rowHeight))\" "
          + "fill=\"\(colour(span.kind))\"><title>\(HTMLText.escaped(span.kind)): "
          + "\(HumanUnits.seconds(span.end - span.start))</title></rect>\n"
      }
    }
    return text
  }

  private func axis() -> String {
    let scale = ChartScale([0, extent], isLogarithmic: false, isTight: true, count: 6)
    var text = ""
    for tick in scale.ticks where tick <= extent {
      let x = Self.text(across(tick))
      text +=
        "<path d=\"M\(x) \(Self.text(floor))v5\" stroke=\"#7d7b74\"/><text x=\"\(x)\" "
        + "y=\"\(Self.text(floor + 19))\" text-anchor=\"middle\" fill=\"#7d7b74\">"
        + "\(tick == 0 ? "0" : HumanUnits.seconds(tick))</text>\n"
    }
    return text
  }

  /// The kinds that occur, with their colours.
  private func legend(_ y: Double) -> String {
    let used = Set(rows.flatMap { $0.spans.map(\.kind) })
    var x = Self.left
    var text = ""
    for kind in kinds where used.contains(kind) {
      text +=
        "<rect x=\"\(Self.text(x))\" y=\"\(Self.text(y - 10))\" width=\"11\" height=\"11\" "
        + "fill=\"\(colour(kind))\"/><text x=\"\(Self.text(x + 16))\" y=\"\(Self.text(y))\" "
        + "fill=\"#52514e\">\(HTMLText.escaped(kind))</text>\n"
      x += 30 + 7.0 * Double(kind.count)
    }
    return text
  }
}
