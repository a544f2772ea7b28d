/// Weights as signed bytes with one scale for each output channel: `q = round(w / S)`, `S = max |w| / 127`.
///
/// Ties round to the even code. Zeros stay zero.
public struct ChannelCodes: Sendable, Equatable {
  /// A code for each weight in their order, from −127 to 127.
  public let codes: [Int8]
  /// S of each channel; 1 for a channel of zeros.
  public let scales: [Float]
  /// Neighbouring weights of one channel; 1 where the channel is the last extent.
  private let run: Int

  /// Codes weights.
  ///
  /// - Parameters:
  ///   - weights: of all channels, finite.
  ///   - shape: their extents: of a convolution `[K, K, C / groups, O]`, else `[O, …]`.
  public init(_ weights: UnsafePointer<Float>, shape: [Int]) {
    let axis = Self.channelAxis(shape)
    let count = shape.reduce(1, *)
    let (run, channels) = (shape[(axis + 1)...].reduce(1, *), shape[axis])
    var scales = [Float](repeating: 0, count: channels)
    for index in 0..<count {
      let channel = index / run % channels
      scales[channel] = max(scales[channel], weights[index].magnitude)
    }
    // What is too small for a scale of its own is no different from zero.
    scales = scales.map { $0 / 127 < .leastNormalMagnitude ? 1 : $0 / 127 }
    codes = (0..<count).map { index in
      let code = weights[index] * (1 / scales[index / run % channels])
      return Int8(max(-127, min(127, code.rounded(.toNearestOrEven))))
    }
    self.scales = scales
    self.run = run
  }

  /// Which extent tells output channels.
  public static func channelAxis(_ shape: [Int]) -> Int { shape.count == 4 ? 3 : 0 }

  /// The extents of the scales, so that they spread over the weights: 1 for all but the channels.
  public static func scaleShape(_ shape: [Int]) -> [Int] {
    shape.indices.map { $0 == channelAxis(shape) ? shape[$0] : 1 }
  }

  /// Writes the weights that the codes stand for.
  ///
  /// - Parameter output: room for as many.
  public func decode(into output: UnsafeMutablePointer<Float>) {
    for (index, code) in codes.enumerated() {
      output[index] = Float(code) * scales[index / run % scales.count]
    }
  }
}
