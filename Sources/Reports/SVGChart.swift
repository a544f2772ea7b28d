/// A line chart as a figure of HTML with inline SVG.
///
/// Colours come from the page's style sheet, so that one drawing serves light, dark and paper.
/// There is no script: values appear by `title` elements over narrow slices of the drawing.
public struct SVGChart: Sendable {
  /// The heading.
  public let title: String
  /// What the y axis shows, under the heading; may be empty.
  public let note: String
  /// The curves; the last one is drawn on top.
  public let series: [ChartSeries]
  /// Whether equal ratios of y have equal heights.
  public let isLogarithmic: Bool
  /// How a y value is written.
  public let format: @Sendable (Double) -> String

  /// A chart of curves over optimizer steps.
  ///
  /// - Parameters:
  ///   - title: the heading.
  ///   - note: what the y axis shows; may be empty.
  ///   - series: the curves.
  ///   - isLogarithmic: a logarithmic y axis; nil takes one if all values are above 0 and span
  ///     more than a factor of 50.
  ///   - format: how a y value is written.
  public init(
    title: String, note: String = "", series: [ChartSeries], isLogarithmic: Bool? = nil,
    format: @escaping @Sendable (Double) -> String = { HumanUnits.short($0) }
  ) {
    let series = series.map(\.drawable)
    self.title = title
    self.series = series
    self.format = format
    let values = series.flatMap { $0.points.map(\.y).filter(\.isFinite) }
    let (least, most) = (values.min() ?? 0, values.max() ?? 0)
    self.isLogarithmic = (isLogarithmic ?? (most > least * 50)) && least > 0
    let scale = self.isLogarithmic ? "logarithmic" : ""
    self.note = [note, scale].filter { !$0.isEmpty }.joined(separator: ", ")
  }

  /// Whether there is anything to draw.
  public var isEmpty: Bool {
    series.allSatisfy {
      $0.style == .anchor || $0.points.allSatisfy { !$0.y.isFinite || !$0.x.isFinite }
    }
  }

  /// The figure; an empty text if there is nothing to draw.
  public func html() -> String {
    guard !isEmpty else { return "" }
    let caption = HTMLText.escaped(title)
    let small = note.isEmpty ? "" : " <small>\(HTMLText.escaped(note))</small>"
    return """
      <figure class="chart">
      <figcaption>\(caption)\(small)</figcaption>
      \(legend())\(SVGDrawing(self).svg(label: caption))
      </figure>

      """
  }

  /// The curves' names with their last values.
  private func legend() -> String {
    let entries = series.compactMap { series -> String? in
      guard series.isNamed, let last = series.points.last(where: { $0.y.isFinite }) else {
        return nil
      }
      return "<li><i class=\"b\(series.colour % 8)\"></i>\(HTMLText.escaped(series.name)) "
        + "<b>\(HTMLText.escaped(format(last.y)))</b></li>"
    }
    return "<ul class=\"legend\">\(entries.joined())</ul>\n"
  }
}
