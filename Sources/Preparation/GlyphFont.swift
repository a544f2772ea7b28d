import Glibc

/// A stroke font of the ten digits in the unit square, x to the right, y downwards.
enum GlyphFont {
  /// A place in the unit square.
  typealias Point = SIMD2<Double>

  /// A straight piece of a stroke.
  struct Segment {
    let from: Point
    let to: Point
  }

  /// The segments of each digit.
  static let digits: [[Segment]] = (0...9).map { digit in
    strokes(digit).flatMap { stroke in
      zip(stroke, stroke.dropFirst()).map { Segment(from: $0, to: $1) }
    }
  }

  private static func strokes(_ digit: Int) -> [[Point]] {
    switch digit {
    case 0: [arc([0.5, 0.5], [0.5, 0.5], 0, 360)]
    case 1: [[[0.15, 0.25], [0.55, 0], [0.55, 1]]]
    case 2: [arc([0.5, 0.27], [0.45, 0.27], 180, 390) + [[0.05, 1], [1, 1]]]
    case 3:
      [
        arc([0.45, 0.26], [0.45, 0.26], 200, 450)
          + arc([0.45, 0.75], [0.5, 0.25], 270, 520)
      ]
    case 4: [[[0.7, 1], [0.7, 0], [0, 0.68], [1, 0.68]]]
    case 5:
      [[[0.9, 0], [0.2, 0], [0.12, 0.46]] + arc([0.48, 0.68], [0.48, 0.32], 225, 510)]
    case 6: six
    case 7: [[[0, 0], [1, 0], [0.35, 1]]]
    case 8:
      [arc([0.5, 0.25], [0.42, 0.25], 0, 360), arc([0.5, 0.75], [0.5, 0.25], 0, 360)]
    default: six.map { $0.map { Point(1, 1) - $0 } }
    }
  }

  /// The six; turned by half a circle it is the nine.
  private static let six: [[Point]] = [
    arc([0.5, 0.68], [0.48, 0.32], 0, 360),
    [[0.03, 0.62], [0.12, 0.36], [0.35, 0.1], [0.7, 0]],
  ]

  /// Places along an ellipse; degrees grow clockwise from the right.
  private static func arc(
    _ centre: Point, _ radii: Point, _ from: Double, _ to: Double
  ) -> [Point] {
    let pieces = max(4, Int((to - from) / 24))
    return (0...pieces).map { piece in
      let angle = (from + (to - from) * Double(piece) / Double(pieces)) * .pi / 180
      return centre + radii * Point(cos(angle), sin(angle))
    }
  }
}
