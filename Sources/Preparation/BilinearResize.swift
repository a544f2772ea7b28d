/// Resizes images by bilinear interpolation between pixel centres, without antialiasing.
///
/// Output pixel i lies at `max(0, (i + 0.5) · in/out − 0.5)` of the input; the value is mixed from the
/// pixels on both sides and rounded to the nearest integer, ties to even. This is PyTorch's
/// `F.interpolate(mode="bilinear", align_corners=False, antialias=False)`. Enlarging, Pillow's
/// `BILINEAR` agrees; reducing, Pillow averages over a wider window and does not.
struct BilinearResize {
  /// The input's and the output's extents.
  let from: (height: Int, width: Int)
  let to: (height: Int, width: Int)
  let channels: Int
  private let vertical: [Tap]
  private let horizontal: [Tap]

  /// Two neighbouring inputs and the share of the second.
  private struct Tap {
    let first: Int
    let second: Int
    let share: Double
  }

  /// Plans the resizing of `[H, W, C]` images.
  init(from: (height: Int, width: Int), to: (height: Int, width: Int), channels: Int) {
    self.from = from
    self.to = to
    self.channels = channels
    vertical = BilinearResize.taps(from.height, to.height)
    horizontal = BilinearResize.taps(from.width, to.width)
  }

  private static func taps(_ input: Int, _ output: Int) -> [Tap] {
    (0..<output).map { index in
      let place = max(0, (Double(index) + 0.5) * Double(input) / Double(output) - 0.5)
      let first = min(Int(place), input - 1)
      return Tap(
        first: first, second: min(first + 1, input - 1), share: place - Double(first))
    }
  }

  /// Resizes one image.
  ///
  /// - Parameters:
  ///   - source: `[from.height, from.width, C]`.
  ///   - target: `[to.height, to.width, C]`.
  func apply(_ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>) {
    var place = 0
    for row in vertical {
      let upper = source + row.first * from.width * channels
      let lower = source + row.second * from.width * channels
      for column in horizontal {
        let left = column.first * channels
        let right = column.second * channels
        for channel in 0..<channels {
          let top = mix(upper[left + channel], upper[right + channel], column.share)
          let bottom = mix(lower[left + channel], lower[right + channel], column.share)
          let value = top + (bottom - top) * row.share
          target[place] = UInt8(value.rounded(.toNearestOrEven))
          place += 1
        }
      }
    }
  }

  private func mix(_ first: UInt8, _ second: UInt8, _ share: Double) -> Double {
    Double(first) + (Double(second) - Double(first)) * share
  }
}
