/// One curve of a chart.
public struct ChartSeries: Sendable {
  /// How a curve is drawn.
  public enum Style: Sendable {
    /// A line.
    case line
    /// A thin pale line behind the others, left out of the legend.
    case faint
    /// A line with a dot at each value, for few values.
    case dotted
    /// Not drawn; only makes room for its values on the axes.
    case anchor
  }

  /// The name in the legend.
  public let name: String
  /// The values in order of x; a y that is not finite leaves a gap.
  public let points: [(x: Double, y: Double)]
  /// How it is drawn.
  public let style: Style
  /// Its colour, a number of the palette from 0.
  public let colour: Int

  /// A curve from its parts.
  public init(
    name: String, points: [(x: Double, y: Double)], style: Style = .line, colour: Int
  ) {
    self.name = name
    self.points = points
    self.style = style
    self.colour = colour
  }

  /// Whether the legend and the readings tell it.
  var isNamed: Bool { style == .line || style == .dotted }

  /// The curve with values that axes can hold: beyond 1e150 a gap, below 1e-150 zero.
  ///
  /// A diverging run reaches such values, and differences and ratios of them would not be finite.
  var drawable: ChartSeries {
    let kept = points.filter { abs($0.x) < 1e15 }.map { point in
      let size = abs(point.y)
      return (x: point.x, y: size < 1e150 ? (size < 1e-150 ? 0 : point.y) : .nan)
    }
    return ChartSeries(name: name, points: kept, style: style, colour: colour)
  }

  /// The mean of the values within `reach` places before and after each one.
  ///
  /// Centred, so that it does not lag behind a falling loss; shorter at both ends. Gaps are skipped.
  ///
  /// - Parameters:
  ///   - points: the values in order.
  ///   - reach: the places on each side.
  /// - Returns: one value per finite value.
  public static func smoothed(
    _ points: [(x: Double, y: Double)], reach: Int
  ) -> [(x: Double, y: Double)] {
    let finite = points.filter(\.y.isFinite)
    var sums = [0.0]
    for point in finite { sums.append(sums[sums.count - 1] + point.y) }
    return finite.indices.map { index in
      let start = max(0, index - reach)
      let end = min(finite.count, index + reach + 1)
      return (finite[index].x, (sums[end] - sums[start]) / Double(end - start))
    }
  }

  /// At most about `2 * columns` of the points: the extremes of each column of the chart.
  ///
  /// A peak of one step stays visible however many steps a run has.
  static func thinned(
    _ points: [(x: Double, y: Double)], columns: Int
  ) -> [(x: Double, y: Double)] {
    guard points.count > 2 * columns, let first = points.first, let last = points.last,
      last.x > first.x
    else { return points }
    var result: [(x: Double, y: Double)] = []
    var start = 0
    while start < points.count {
      let column = self.column(points[start].x, first.x, last.x, columns)
      var end = start
      while end < points.count, self.column(points[end].x, first.x, last.x, columns) == column {
        end += 1
      }
      result += extremes(points[start..<end])
      start = end
    }
    return result
  }

  private static func column(_ x: Double, _ low: Double, _ high: Double, _ columns: Int) -> Int {
    Int((x - low) / (high - low) * Double(columns))
  }

  /// The least and the largest of a run of points in their order, with a gap where one is.
  private static func extremes(
    _ points: ArraySlice<(x: Double, y: Double)>
  ) -> [(x: Double, y: Double)] {
    let finite = points.filter { $0.y.isFinite }
    let gap = finite.count < points.count ? points.filter { !$0.y.isFinite }.prefix(1) : []
    guard let least = finite.min(by: { $0.y < $1.y }), let most = finite.max(by: { $0.y < $1.y })
    else { return Array(gap) }
    if least.x == most.x { return [least] + gap }
    return (least.x < most.x ? [least, most] : [most, least]) + gap
  }
}
