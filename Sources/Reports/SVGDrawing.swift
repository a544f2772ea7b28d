/// The drawing of a chart: axes, grid, curves and the slices that tell values.
struct SVGDrawing {
  private let chart: SVGChart
  private let x: ChartScale
  private let y: ChartScale
  private static let (width, height) = (640.0, 290.0)
  private static let (left, right, top, bottom) = (58.0, 14.0, 10.0, 40.0)
  /// The largest number of slices with a value under the pointer.
  private static let slices = 90

  init(_ chart: SVGChart) {
    self.chart = chart
    let points = chart.series.flatMap(\.points).filter { $0.x.isFinite && $0.y.isFinite }
    // From step 0 on, so that the charts of a page line up.
    x = ChartScale([0] + points.map(\.x), isLogarithmic: false, isTight: true, count: 6)
    y = ChartScale(
      points.map(\.y), isLogarithmic: chart.isLogarithmic, isTight: false, count: 4)
  }

  /// The whole element; `label` is already escaped.
  func svg(label: String) -> String {
    let size = "0 0 \(SVGDrawing.text(SVGDrawing.width)) \(SVGDrawing.text(SVGDrawing.height))"
    let curves = chart.series.filter { $0.style != .anchor }.map { curve($0) }.joined()
    return "<svg viewBox=\"\(size)\" role=\"img\" aria-label=\"\(label)\">\n"
      + axes() + curves + readings() + "</svg>"
  }

  // Positions

  private func across(_ value: Double) -> Double {
    SVGDrawing.left
      + x.position(value) * (SVGDrawing.width - SVGDrawing.left - SVGDrawing.right)
  }

  private func down(_ value: Double) -> Double {
    let inner = SVGDrawing.height - SVGDrawing.top - SVGDrawing.bottom
    return SVGDrawing.top + (1 - y.position(value)) * inner
  }

  /// A coordinate with one digit after the point.
  private static func text(_ coordinate: Double) -> String {
    let text = HumanUnits.fixed(coordinate, digits: 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private func point(_ point: (x: Double, y: Double)) -> String {
    SVGDrawing.text(across(point.x)) + " " + SVGDrawing.text(down(point.y))
  }

  // Parts

  private func axes() -> String {
    let floor = SVGDrawing.height - SVGDrawing.bottom
    let (left, right) = (SVGDrawing.text(SVGDrawing.left), SVGDrawing.width - SVGDrawing.right)
    var lines = "<g class=\"grid\">"
    var labels = "<g class=\"ticks\">"
    for tick in y.ticks {
      let height = down(tick)
      lines += "<path d=\"M\(left) \(SVGDrawing.text(height))H\(SVGDrawing.text(right))\"/>"
      labels +=
        "<text x=\"\(SVGDrawing.text(SVGDrawing.left - 8))\" "
        + "y=\"\(SVGDrawing.text(height + 4))\" class=\"end\">"
        + "\(HTMLText.escaped(chart.tick(tick)))</text>"
    }
    lines +=
      "</g>\n<path class=\"base\" d=\"M\(left) \(SVGDrawing.text(floor))"
      + "H\(SVGDrawing.text(right))\"/>\n"
    for tick in x.ticks where tick == tick.rounded() {
      labels +=
        "<text x=\"\(SVGDrawing.text(across(tick)))\" "
        + "y=\"\(SVGDrawing.text(floor + 18))\" class=\"mid\">\(SVGDrawing.step(tick))</text>"
    }
    labels +=
      "<text x=\"\(SVGDrawing.text((SVGDrawing.left + right) / 2))\" "
      + "y=\"\(SVGDrawing.text(floor + 35))\" class=\"mid\">step</text></g>\n"
    return lines + labels
  }

  private static func step(_ value: Double) -> String {
    abs(value) < 100_000 ? HumanUnits.count(Int(value)) : HumanUnits.metric(value)
  }

  private func curve(_ series: ChartSeries) -> String {
    let columns = Int(SVGDrawing.width - SVGDrawing.left - SVGDrawing.right)
    var path = ""
    var isOpen = false
    var dots = ""
    let points = series.points.filter { $0.x.isFinite }
    let alone = points.filter { $0.y.isFinite }.count == 1
    for each in ChartSeries.thinned(points, columns: columns) {
      guard each.y.isFinite else {
        isOpen = false
        continue
      }
      path += (isOpen ? "L" : "M") + point(each)
      isOpen = true
      guard alone || (series.style == .dotted && points.count <= 60) else { continue }
      let (cx, cy) = (SVGDrawing.text(across(each.x)), SVGDrawing.text(down(each.y)))
      dots += "<circle class=\"f\(series.colour % 8)\" cx=\"\(cx)\" cy=\"\(cy)\" r=\"4\"/>"
    }
    let faint = series.style == .faint ? " faint" : ""
    return "<path class=\"line s\(series.colour % 8)\(faint)\" d=\"\(path)\"/>\(dots)\n"
  }

  /// Narrow slices with a hair line and the values of all curves at one step.
  private func readings() -> String {
    let longest = chart.series.max { $0.points.count < $1.points.count }
    let all = (longest?.points ?? []).map(\.x).filter(\.isFinite)
    let stride = max(1, (all.count + SVGDrawing.slices - 1) / SVGDrawing.slices)
    let steps = all.indices.filter { $0 % stride == 0 || $0 == all.count - 1 }.map { all[$0] }
    let floor = SVGDrawing.height - SVGDrawing.bottom
    var text = "<g class=\"read\">"
    for (index, step) in steps.enumerated() {
      let before = index > 0 ? (steps[index - 1] + step) / 2 : x.low
      let after = index + 1 < steps.count ? (steps[index + 1] + step) / 2 : x.high
      let (start, end) = (across(before), across(after))
      let middle = SVGDrawing.text(across(step))
      let values = reading(at: step)
      text +=
        "<g><title>step \(SVGDrawing.step(step))\(HTMLText.escaped(values))</title>"
        + "<rect x=\"\(SVGDrawing.text(start))\" y=\"\(SVGDrawing.text(SVGDrawing.top))\" "
        + "width=\"\(SVGDrawing.text(max(0.5, end - start)))\" "
        + "height=\"\(SVGDrawing.text(floor - SVGDrawing.top))\"/>"
        + "<path d=\"M\(middle) \(SVGDrawing.text(SVGDrawing.top))V\(SVGDrawing.text(floor))\"/>"
        + "</g>"
    }
    return text + "</g>\n"
  }

  /// The last value of each curve at or before a step, one per line.
  private func reading(at step: Double) -> String {
    chart.series.reduce("") { text, series in
      guard series.isNamed,
        let point = series.points.last(where: { $0.x <= step && $0.y.isFinite })
      else { return text }
      return text + "\n\(series.name): \(chart.format(point.y))"
    }
  }
}

extension SVGChart {
  /// A tick of the y axis: as short as the number allows.
  func tick(_ value: Double) -> String {
    let size = abs(value)
    if size == 0 { return "0" }
    if size >= 100_000 { return HumanUnits.metric(value) }
    guard size >= 0.0001 else { return HumanUnits.short(value) }
    if size >= 1000 { return HumanUnits.count(Int(value.rounded())) }
    var text = HumanUnits.fixed(value, digits: 5)
    while text.hasSuffix("0") { text.removeLast() }
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }
}
