import Glibc

extension Glyphs {
  /// Draws the picture of a sample: a digit of random place, size, slant, pen and ink, with noise.
  ///
  /// Classes of a pair show either digit of the pair with equal chance.
  ///
  /// - Parameters:
  ///   - sample: its number.
  ///   - target: `[side, side]` bytes, 0 = background.
  func image(_ sample: Int, into target: UnsafeMutablePointer<UInt8>) {
    let draws = GlyphDraws(seed: seed, sample: sample, part: .image)
    let label = label(sample)
    let pair = Glyphs.imagePairs.first { $0.contains(label) }
    let digit = pair.map { draws.uniform(0) < 0.5 ? $0[0] : $0[1] } ?? label
    let pen = GlyphPen(draws)
    let segments = GlyphFont.digits[digit].map(pen.place)
    for row in 0..<Glyphs.side {
      for column in 0..<Glyphs.side {
        let pixel = row * Glyphs.side + column
        let centre = GlyphFont.Point(Double(column) + 0.5, Double(row) + 0.5)
        let nearest = segments.reduce(Double.infinity) { min($0, distance(centre, $1)) }
        let cover = min(1, max(0, 0.5 + pen.width / 2 - nearest.squareRoot()))
        let value = 255 * (pen.ink * cover + 0.15 * draws.normal(16 + pixel))
        target[pixel] = UInt8(min(255, max(0, value)).rounded(.toNearestOrEven))
      }
    }
  }

  /// The squared distance of a place from a segment.
  private func distance(_ point: GlyphFont.Point, _ segment: GlyphFont.Segment) -> Double {
    let along = segment.to - segment.from
    let offset = point - segment.from
    let share = min(1, max(0, (offset * along).sum() / max(1e-12, (along * along).sum())))
    let rest = offset - share * along
    return (rest * rest).sum()
  }
}

/// How one picture's strokes lie on its pixels.
private struct GlyphPen {
  /// Stroke width in pixels.
  let width: Double
  /// Brightness of the ink, at most 1.
  let ink: Double
  private let centre: GlyphFont.Point
  private let size: GlyphFont.Point
  private let turn: Double
  private let slant: Double

  init(_ draws: GlyphDraws) {
    let middle = Double(Glyphs.side) / 2
    width = draws.uniform(1, 1.2, 2.6)
    ink = draws.uniform(2, 0.65, 1)
    centre = [middle + draws.uniform(3, -2, 2), middle + draws.uniform(4, -2, 2)]
    size = [draws.uniform(5, 6.5, 9), draws.uniform(6, 10.5, 13)]
    turn = draws.uniform(7, -0.26, 0.26)
    slant = draws.uniform(8, -0.2, 0.2)
  }

  /// A segment of the font in pixels.
  func place(_ segment: GlyphFont.Segment) -> GlyphFont.Segment {
    GlyphFont.Segment(from: place(segment.from), to: place(segment.to))
  }

  private func place(_ point: GlyphFont.Point) -> GlyphFont.Point {
    var local = (point - 0.5) * size
    local.x -= slant * local.y
    let turned = GlyphFont.Point(
      cos(turn) * local.x - sin(turn) * local.y, sin(turn) * local.x + cos(turn) * local.y)
    return centre + turned
  }
}
