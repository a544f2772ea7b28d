import Glibc

/// A picture of what limits a program: operations per second against operations per byte, under the roof that
/// the machine's arithmetic and memory make.
///
/// Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for multicore architectures"
/// (2009). A whole SVG file with colours of its own, so that it can stand in a document.
public struct RooflineChart: Sendable {
  /// A part of the program.
  public struct Dot: Sendable, Equatable {
    /// What it is.
    public let label: String
    /// Its group, which has a colour and a place in the legend.
    public let kind: String
    /// Operations for each byte.
    public let intensity: Double
    /// Operations in a second.
    public let rate: Double
    /// Its share of the time, which is the share of its area.
    public let share: Double

    /// A part from its numbers; one without operations, bytes or time is not drawn.
    public init(label: String, kind: String, intensity: Double, rate: Double, share: Double) {
      (self.label, self.kind) = (label, kind)
      (self.intensity, self.rate, self.share) = (intensity, rate, share)
    }

    var isDrawable: Bool {
      intensity > 0 && intensity.isFinite && rate > 0 && rate.isFinite && share > 0
    }
  }

  /// What the picture shows, in words.
  public let title: String
  /// Operations that arithmetic does in a second.
  public let peak: Double
  /// Bytes that memory moves in a second.
  public let bandwidth: Double
  /// The parts, the largest behind the others.
  public let dots: [Dot]
  /// The program as a whole.
  public let whole: Dot

  private static let (width, height) = (860.0, 430.0)
  private static let (left, right, top, bottom) = (64.0, 20.0, 40.0, 78.0)
  private let x, y: ChartScale

  /// A picture from its parts.
  ///
  /// - Precondition: `peak` and `bandwidth` are above 0.
  public init(title: String, peak: Double, bandwidth: Double, dots: [Dot], whole: Dot) {
    precondition(peak > 0 && bandwidth > 0, "a roof above nothing")
    (self.title, self.peak, self.bandwidth, self.whole) = (title, peak, bandwidth, whole)
    self.dots = dots.filter(\.isDrawable).sorted { ($0.share, $1.label) > ($1.share, $0.label) }
    let all = self.dots + (whole.isDrawable ? [whole] : [])
    let ridge = peak / bandwidth
    x = ChartScale(
      all.map(\.intensity) + [ridge / 20, ridge * 20], isLogarithmic: true, isTight: false, count: 6
    )
    y = ChartScale(
      all.map(\.rate) + [peak / 50, peak * 1.3], isLogarithmic: true, isTight: false, count: 5)
  }

  /// The file's text; equal pictures give equal bytes.
  public func svg() -> String {
    let (width, height) = (Self.text(Self.width), Self.text(Self.height))
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="\(HTMLText.escaped(title))">
      <rect width="100%" height="100%" fill="#fcfcfb"/>
      <text x="\(Self.text(Self.left))" y="22" font-size="13" font-weight="600" fill="#14140f">\(HTMLText.escaped(title))</text>
      \(axes())\(roof())\(dots.map(circle).joined())\(mark())\(legend())</svg>

      """
  }

  private static func text(_ value: Double) -> String { HumanUnits.fixed(value, digits: 1) }

  /// A round value without zeros behind it.
  private static func tick(_ value: Double) -> String {
    let text = HumanUnits.fixed(value, digits: value < 1 ? 4 : 1)
    guard text.contains(".") else { return text }
    let short = text.reversed().drop { $0 == "0" }.drop { $0 == "." }
    return String(short.reversed())
  }

  private func across(_ intensity: Double) -> Double {
    Self.left + x.position(intensity) * (Self.width - Self.left - Self.right)
  }

  private func down(_ rate: Double) -> Double {
    Self.top + (1 - y.position(rate)) * (Self.height - Self.top - Self.bottom)
  }

  private func axes() -> String {
    let floor = Self.height - Self.bottom
    var text = ""
    for tick in y.ticks {
      let height = Self.text(down(tick))
      text += """
        <path d="M\(Self.text(Self.left)) \(height)H\(Self.text(Self.width - Self.right))" stroke="#e4e2dc"/>\
        <text x="\(Self.text(Self.left - 6))" y="\(height)" dy="4" text-anchor="end" fill="#7d7b74">\
        \(Self.tick(tick * 1e-9))</text>

        """
    }
    for tick in x.ticks {
      text += """
        <text x="\(Self.text(across(tick)))" y="\(Self.text(floor + 18))" text-anchor="middle" fill="#7d7b74">\
        \(Self.tick(tick))</text>

        """
    }
    return text + """
      <text x="\(Self.text((Self.left + Self.width - Self.right) / 2))" y="\(Self.text(floor + 36))" \
      text-anchor="middle" fill="#52514e">operations per byte</text>
      <text x="\(Self.text(Self.left))" y="\(Self.text(Self.top - 4))" fill="#52514e">GFLOP/s</text>

      """
  }

  /// Memory's slope up to the ridge, then arithmetic's ceiling.
  private func roof() -> String {
    let ridge = peak / bandwidth
    let first = max(x.low, y.low / bandwidth)
    return """
      <path d="M\(Self.text(across(first))) \(Self.text(down(first * bandwidth)))\
      L\(Self.text(across(ridge))) \(Self.text(down(peak)))H\(Self.text(Self.width - Self.right))" \
      fill="none" stroke="#14140f" stroke-width="1.6"/>
      <text x="\(Self.text(Self.width - Self.right - 4))" y="\(Self.text(down(peak) - 6))" text-anchor="end" \
      fill="#14140f">\(HumanUnits.fixed(peak * 1e-9, digits: 0)) GFLOP/s, \
      \(HumanUnits.fixed(bandwidth * 1e-9, digits: 0)) GB/s</text>

      """
  }

  /// The kinds in the order of their first dot.
  private var kinds: [String] {
    dots.reduce(into: []) { if !$0.contains($1.kind) { $0.append($1.kind) } }
  }

  private func colour(_ kind: String) -> String {
    TimelineChart.colours[(kinds.firstIndex(of: kind) ?? 0) % TimelineChart.colours.count]
  }

  private func circle(_ dot: Dot) -> String {
    """
    <circle cx="\(Self.text(across(dot.intensity)))" cy="\(Self.text(down(dot.rate)))" \
    r="\(Self.text(3 + 22 * sqrt(dot.share)))" fill="\(colour(dot.kind))" fill-opacity="0.7" stroke="#fcfcfb">\
    <title>\(HTMLText.escaped(reading(dot)))</title></circle>

    """
  }

  /// A diamond for the whole.
  private func mark() -> String {
    guard whole.isDrawable else { return "" }
    let (cx, cy) = (across(whole.intensity), down(whole.rate))
    return """
      <path d="M\(Self.text(cx)) \(Self.text(cy - 8))l8 8l-8 8l-8 -8z" fill="#14140f" stroke="#fcfcfb">\
      <title>\(HTMLText.escaped(reading(whole)))</title></path>
      <text x="\(Self.text(cx))" y="\(Self.text(cy + 22))" text-anchor="middle" fill="#14140f">\
      \(HTMLText.escaped(whole.label))</text>

      """
  }

  private func reading(_ dot: Dot) -> String {
    "\(dot.label) (\(dot.kind)): \(HumanUnits.fixed(dot.rate * 1e-9, digits: 1)) GFLOP/s, "
      + "\(HumanUnits.fixed(dot.intensity, digits: 1)) operations per byte, "
      + "\(HumanUnits.percent(dot.share, digits: 1)) of the time"
  }

  private func legend() -> String {
    let y = Self.height - 14
    var x = Self.left
    var text = ""
    for kind in kinds {
      text += """
        <circle cx="\(Self.text(x + 5))" cy="\(Self.text(y - 4))" r="5" fill="\(colour(kind))"/>\
        <text x="\(Self.text(x + 15))" y="\(Self.text(y))" fill="#52514e">\(HTMLText.escaped(kind))</text>

        """
      x += 34 + 7 * Double(kind.count)
    }
    return text
  }
}
