/// How many masks of which size hide parts of a spectrogram (SpecAugment, Park and others 2019).
public struct SpectrogramMasks: Sendable, Equatable {
  /// Masks over channels.
  public var channelMasks: Int
  /// Most channels of one.
  public var channelWidth: Int
  /// Masks over steps.
  public var stepMasks: Int
  /// Most steps of one.
  public var stepWidth: Int
  /// The largest part of a sequence that one mask over steps may hide.
  public var stepFraction: Double

  /// Masks from their parts.
  public init(
    channelMasks: Int, channelWidth: Int, stepMasks: Int, stepWidth: Int, stepFraction: Double
  ) {
    self.channelMasks = channelMasks
    self.channelWidth = channelWidth
    self.stepMasks = stepMasks
    self.stepWidth = stepWidth
    self.stepFraction = stepFraction
  }
}

/// Changes of samples on the way to a model. Each sample has numbers of its own, so nothing depends on
/// its neighbours. Values that are hidden become zero, the mean of normalised data.
extension Kernels {
  /// Copies `[rows, C]` of packed sequences and hides runs of channels and runs of steps.
  ///
  /// A mask's size is uniform in 0 ... its most, and its place uniform where it fits.
  public static func maskSpectrogram(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, masks: SpectrogramMasks,
    random: PassRandom, x: ConstantFloats, y: Floats
  ) {
    copy(count: offsets[samples] * channels, source: x, destination: y)
    for sample in 0..<samples {
      let steps = offsets[sample + 1] - offsets[sample]
      let values = y + offsets[sample] * channels
      var draws = random.draws(ofSample: sample)
      for _ in 0..<masks.channelMasks {
        let run = draws.run(upTo: min(masks.channelWidth, channels), in: channels)
        for step in 0..<steps {
          (values + step * channels + run.lowerBound).update(repeating: 0, count: run.count)
        }
      }
      let most = min(masks.stepWidth, Int(masks.stepFraction * Double(steps)))
      for _ in 0..<masks.stepMasks {
        let run = draws.run(upTo: most, in: steps)
        (values + run.lowerBound * channels).update(repeating: 0, count: run.count * channels)
      }
    }
  }

  /// Mirrors each image `[H, W, C]` left to right with probability 1/2; `y` is not `x`.
  public static func flip(
    samples: Int, height: Int, width: Int, channels: Int, random: PassRandom, x: ConstantFloats,
    y: Floats
  ) {
    let size = height * width * channels
    for sample in 0..<samples {
      var draws = random.draws(ofSample: sample)
      let (image, output) = (x + sample * size, y + sample * size)
      guard draws.uniform() < 0.5 else {
        copy(count: size, source: image, destination: output)
        continue
      }
      for pixel in 0..<height * width {
        let mirrored = pixel / width * width + width - 1 - pixel % width
        for c in 0..<channels { output[mirrored * channels + c] = image[pixel * channels + c] }
      }
    }
  }

  /// Cuts each image `[H, W, C]` out of itself with `padding` zeros around, at a uniform place; `y` is
  /// not `x`.
  public static func crop(
    samples: Int, height: Int, width: Int, channels: Int, padding: Int, random: PassRandom,
    x: ConstantFloats, y: Floats
  ) {
    let pitch = width * channels
    for sample in 0..<samples {
      var draws = random.draws(ofSample: sample)
      let down = draws.integer(below: 2 * padding + 1) - padding
      let right = draws.integer(below: 2 * padding + 1) - padding
      let first = min(max(0, -right), width)
      let last = max(first, min(width, width - right))
      for row in 0..<height {
        let output = y + (sample * height + row) * pitch
        output.update(repeating: 0, count: pitch)
        guard row + down >= 0, row + down < height else { continue }
        let source = x + (sample * height + row + down) * pitch
        (output + first * channels).update(
          from: source + (first + right) * channels, count: (last - first) * channels)
      }
    }
  }

  /// Hides a square of `size` pixels around a uniform pixel of each image `[H, W, C]`, cut at the border
  /// (DeVries and Taylor 2017); `y` may be `x`.
  public static func cutout(
    samples: Int, height: Int, width: Int, channels: Int, size: Int, random: PassRandom,
    x: ConstantFloats, y: Floats
  ) {
    let pitch = width * channels
    if UnsafePointer(y) != x { copy(count: samples * height * pitch, source: x, destination: y) }
    for sample in 0..<samples {
      var draws = random.draws(ofSample: sample)
      let top = draws.integer(below: height) - size / 2
      let left = draws.integer(below: width) - size / 2
      let columns = max(0, left)..<min(width, left + size)
      for row in max(0, top)..<min(height, top + size) {
        (y + (sample * height + row) * pitch + columns.lowerBound * channels)
          .update(repeating: 0, count: columns.count * channels)
      }
    }
  }
}

extension SampleDraws {
  /// A run of at most `most` numbers within `0 ..< limit`.
  fileprivate mutating func run(upTo most: Int, in limit: Int) -> Range<Int> {
    let count = integer(below: most + 1)
    let first = integer(below: limit - count + 1)
    return first..<first + count
  }
}
