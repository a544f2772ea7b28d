import Buffers
import Parameters
import Tensors

/// A batch norm right behind a layer whose outputs it scales.
struct NormFold {
  /// Where the layer's slots lie.
  let weight: ParameterSlot
  let bias: ParameterSlot?
  /// The norm.
  let norm: BatchNormLayer.Settings
  let channels: Int
}

extension Model {
  /// The weights of linear and convolution layers, in forward order: those that can be 8-bit codes.
  public var codableWeights: [ParameterSlot] { inputTaps.map(\.weight) }

  /// Moves the scale of every batch norm that follows a linear layer or a convolution into its weights.
  ///
  /// `W' = W · γ / √(σ² + ε)`, `b' = b · γ / √(σ² + ε)`, and of the norm what is left: `β' = β − μ · γ / √(σ² + ε)` with
  /// γ' = 1, μ' = 0, σ'² = 1 − ε. A pass that evaluates computes the same, up to rounding.
  ///
  /// - Parameter values: P scalars in canonical order.
  /// - Returns: how many norms there were.
  @discardableResult
  public func foldNorms(in values: UnsafeMutablePointer<Float>) -> Int {
    for fold in folds {
      let norm = fold.norm
      let isLast = ChannelCodes.channelAxis(fold.weight.shape) > 0
      let run = isLast ? 1 : fold.weight.count / fold.channels
      let factors = (0..<fold.channels).map { channel in
        values[norm.weight + channel]
          / (values[norm.runningVariance + channel] + norm.epsilon).squareRoot()
      }
      for index in 0..<fold.weight.count {
        values[fold.weight.offset + index] *= factors[index / run % fold.channels]
      }
      for channel in 0..<fold.channels {
        if let bias = fold.bias { values[bias.offset + channel] *= factors[channel] }
        values[norm.bias + channel] -= values[norm.runningMean + channel] * factors[channel]
        values[norm.weight + channel] = 1
        values[norm.runningMean + channel] = 0
        values[norm.runningVariance + channel] = 1 - norm.epsilon
      }
    }
    return folds.count
  }

  /// Lets passes that evaluate show the input of every linear layer and convolution.
  ///
  /// - Parameter body: gets the layer's number among ``codableWeights``, and the input's scalars; nil ends it.
  public func watchInputs(
    _ body: ((_ layer: Int, _ values: UnsafePointer<Float>, _ count: Int) -> Void)?
  ) {
    for (index, tap) in inputTaps.enumerated() {
      tap.transform = body.map { body in
        { values, count in
          body(index, values, count)
          return values
        }
      }
    }
  }

  /// Lets passes that evaluate show the output of every linear layer and convolution, with its bias and before what follows.
  ///
  /// - Parameter body: gets the layer's number among ``codableWeights``, and the output's scalars; nil ends it.
  public func watchOutputs(
    _ body: ((_ layer: Int, _ values: UnsafePointer<Float>, _ count: Int) -> Void)?
  ) {
    for (index, tap) in inputTaps.enumerated() {
      tap.watch = body.map { body in { body(index, $0, $1) } }
    }
  }

  /// Lets passes that evaluate compute with inputs of linear layers and convolutions as 8-bit codes hold them.
  ///
  /// - Parameter codes: one for each of ``codableWeights``; nil ends it.
  public func codeInputs(_ codes: [AffineCode]?) {
    guard let codes else { return watchInputs(nil) }
    precondition(codes.count == inputTaps.count, "codes of another model")
    // One layer computes at a time.
    let room = GrowingRoom()
    for (tap, code) in zip(inputTaps, codes) {
      tap.transform = { values, count in
        let output = room.reserve(count)
        code.roundTrip(count: count, values, output)
        return UnsafePointer(output)
      }
    }
  }
}

/// Scratch that grows as it must.
private final class GrowingRoom {
  private var room = HostBuffer<Float>(count: 0)

  func reserve(_ count: Int) -> UnsafeMutablePointer<Float> {
    if room.count < count { room = HostBuffer(count: count) }
    return room.base
  }
}
