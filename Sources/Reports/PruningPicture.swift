/// A picture of a pruned network: how sparse its tensors are, and what sparsity costs and saves.
///
/// A whole SVG file with colours of its own, so that it can stand in a document.
public struct PruningPicture: Sendable {
  /// One tensor.
  public struct Bar: Sendable {
    let label: String
    let share: Double

    /// A tensor and the share of its weights that is zero.
    public init(_ label: String, _ share: Double) { (self.label, self.share) = (label, share) }
  }

  /// One quantity over the sparsities tried.
  public struct Line: Sendable {
    let name: String
    let colour: Int
    let points: [(x: Double, y: Double)]

    /// A line; `points` are sparsities, ascending, with values.
    public init(name: String, colour: Int, points: [(x: Double, y: Double)]) {
      (self.name, self.colour, self.points) = (name, colour, points)
    }
  }

  /// Lines that share an axis.
  public struct Panel: Sendable {
    let title: String
    let lines: [Line]
    let format: @Sendable (Double) -> String

    /// A panel; `format` writes a value of its axis.
    public init(title: String, lines: [Line], format: @escaping @Sendable (Double) -> String) {
      self.title = title
      self.lines = lines.filter { !$0.points.isEmpty }
      self.format = format
    }
  }

  /// What the picture shows, in words.
  public let title: String
  /// The tensors, top to bottom.
  public let bars: [Bar]
  /// The panels, top to bottom.
  public let panels: [Panel]

  private static let (width, left, right) = (860.0, 250.0, 24.0)
  private static let (top, barHeight, panelHeight) = (40.0, 22.0, 190.0)
  private static let colours = TimelineChart.colours

  /// A picture from its parts.
  public init(title: String, bars: [Bar], panels: [Panel]) {
    (self.title, self.bars) = (title, bars)
    self.panels = panels.filter { !$0.lines.isEmpty }
  }

  /// The file's text; equal pictures give equal bytes.
  public func svg() -> String {
    let below = Self.top + Double(bars.count) * Self.barHeight + 30
    let height = below + Double(panels.count) * Self.panelHeight + 10
    let drawn = panels.enumerated().map { panel($1, top: below + Double($0) * Self.panelHeight) }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.text(Self.width)) \(Self.text(height))" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="\(HTMLText.escaped(title))">
      <rect width="100%" height="100%" fill="#fcfcfb"/>
      <text x="16" y="22" font-size="13" font-weight="600" fill="#14140f">\(HTMLText.escaped(title))</text>
      \(tensors())\(drawn.joined())</svg>

      """
  }

  private static func text(_ value: Double) -> String { HumanUnits.fixed(value, digits: 1) }

  private static var inner: Double { width - left - right }

  /// A bar for each tensor, its zeros in colour.
  private func tensors() -> String {
    bars.enumerated().reduce("") { text, each in
      let y = Self.top + Double(each.offset) * Self.barHeight
      let label = Self.label(each.element.label, x: Self.left - 8, y: y + 13, anchor: "end")
      let rects = [(Self.inner, "#e7e6df"), (Self.inner * each.element.share, "#2a78d6")].map {
        "<rect x=\"\(Self.text(Self.left))\" y=\"\(Self.text(y))\" width=\"\(Self.text($0))\" "
          + "height=\"16\" fill=\"\($1)\"/>\n"
      }
      return text + label + rects.joined()
        + Self.label(
          HumanUnits.percent(each.element.share, digits: 1), x: Self.left + 6, y: y + 12,
          anchor: "start", colour: each.element.share > 0.12 ? "#ffffff" : "#14140f")
    }
  }

  private static func label(
    _ content: String, x: Double, y: Double, anchor: String, colour: String = "#52514e"
  ) -> String {
    "<text x=\"\(text(x))\" y=\"\(text(y))\" text-anchor=\"\(anchor)\" fill=\"\(colour)\">"
      + "\(HTMLText.escaped(content))</text>\n"
  }

  /// A panel's axes, lines and legend.
  private func panel(_ panel: Panel, top: Double) -> String {
    let values = panel.lines.flatMap { $0.points.map(\.y) }.filter(\.isFinite)
    let y = ChartScale(values, isLogarithmic: false, isTight: false, count: 4)
    let x = ChartScale(
      panel.lines.flatMap { $0.points.map(\.x) } + [1], isLogarithmic: false, isTight: true,
      count: 6)
    let (first, last) = (top + 24, top + Self.panelHeight - 40)
    func across(_ value: Double) -> Double { Self.left + x.position(value) * Self.inner }
    func down(_ value: Double) -> Double { last - y.position(value) * (last - first) }
    var text = Self.label(panel.title, x: 16, y: first + 4, anchor: "start", colour: "#14140f")
    for tick in y.ticks {
      let height = Self.text(down(tick))
      text +=
        "<path d=\"M\(Self.text(Self.left)) \(height)h\(Self.text(Self.inner))\" stroke=\"#e7e6df\"/>\n"
        + Self.label(panel.format(tick), x: Self.left - 8, y: down(tick) + 4, anchor: "end")
    }
    for tick in x.ticks where tick <= 1 {
      text += Self.label(
        HumanUnits.percent(tick, digits: 0), x: across(tick), y: last + 18, anchor: "middle")
    }
    for (index, line) in panel.lines.enumerated() {
      let colour = Self.colours[line.colour % Self.colours.count]
      let points = line.points.filter(\.y.isFinite).map {
        (Self.text(across($0.x)), Self.text(down($0.y)))
      }
      let path = points.map { "\($0.0) \($0.1)" }.joined(separator: "L")
      text += "<path d=\"M\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"1.8\"/>\n"
      for point in points {
        text += "<circle cx=\"\(point.0)\" cy=\"\(point.1)\" r=\"3\" fill=\"\(colour)\"/>\n"
      }
      text += Self.label(
        line.name, x: 16, y: first + 26 + 17 * Double(index), anchor: "start", colour: colour)
    }
    return text
  }
}
