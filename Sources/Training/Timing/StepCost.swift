import Models

/// What a part of a step must do at least, and how long it took.
public struct Work: Sendable, Equatable {
  /// Floating-point operations.
  public var operations = 0.0
  /// Bytes that are read and written if each tensor crosses the border of memory once for each use.
  public var bytes = 0.0
  /// Seconds that it took.
  public var seconds = 0.0

  /// Operations for each byte.
  public var intensity: Double { operations / bytes }
  /// Operations in a second.
  public var rate: Double { operations / seconds }

  /// The seconds that it takes where operations and bytes run at full speed, one after the other.
  ///
  /// - Parameters:
  ///   - peak: operations that a core does in a second.
  ///   - bandwidth: bytes that memory moves in a second.
  /// - Returns: `operations / peak + bytes / bandwidth`.
  public func bound(peak: Double, bandwidth: Double) -> Double {
    operations / peak + bytes / bandwidth
  }

  /// Adds another part.
  static func += (left: inout Work, right: Work) {
    left.operations += right.operations
    left.bytes += right.bytes
    left.seconds += right.seconds
  }
}

/// What one layer must do in a step of one rank, both ways.
public struct LayerCost: Sendable, Equatable {
  /// The layer's path.
  public let path: String
  /// Its name in the configuration.
  public let kind: String
  /// Its forward and backward passes together.
  public var work: Work

  /// The least work of a layer on one rank.
  ///
  /// A product or convolution has as many operations as its forward pass for the gradient of its weights, and again
  /// for that of its input if it makes one. Element-wise layers, views and sums are thought of as part of their
  /// neighbours: they have neither operations nor bytes of their own. A table of rows moves the rows that are read.
  ///
  /// - Parameters:
  ///   - layer: what was compiled.
  ///   - samples: samples of the rank in a step.
  ///   - passes: microbatches of the rank in a step; each reads the weights again.
  init(_ layer: LayerSummary, samples: Int, passes: Int) {
    (path, kind, work) = (layer.path, layer.kind, Work())
    guard layer.multiplyAddsPerSample > 0 || layer.parameterCount > 0 || kind.hasSuffix("Pool")
    else { return }
    let (back, again) = (layer.returnsGradient ? 1 : 0, layer.isComputedAgain ? 1 : 0)
    work.operations = Double(2 * (2 + back + again) * samples * layer.multiplyAddsPerSample)
    let (read, written) = (layer.inputCount, layer.outputCount)
    // Forward: x, y. Backward: x, dy, dx.
    var scalars = samples * ((1 + again) * (read + written) + read + written + back * read)
    if kind == "embedding" {
      // Rows are read, and the gradient of each is added to one that is there.
      scalars = samples * 6 * written
    } else {
      // Weights are read both ways, and their gradient is written.
      scalars += 3 * passes * layer.parameterCount
    }
    work.bytes = Double(scalars * MemoryLayout<Float>.stride)
  }
}

/// What a step of one rank must do, layer by layer.
public struct StepCost: Sendable, Equatable {
  /// The layers, in forward order.
  public let layers: [LayerCost]
  /// Sums of gradients and the update of the rank's share.
  public let update: Work
  /// Bytes that a step touches on this rank, each counted once: what caches would have to hold.
  public let touchedBytes: Int

  /// The least work of a step.
  ///
  /// - Parameters:
  ///   - layers: the layers with their work and time.
  ///   - gradients: bytes of gradients that are added up and then read on this rank.
  ///   - updateBytes: bytes of the update, its gradient not counted again.
  ///   - touchedBytes: weights, gradients, state and activations.
  ///   - seconds: what reducing, publishing and updating took.
  init(
    _ layers: [LayerCost], gradients: Double, updateBytes: Double, touchedBytes: Int,
    seconds: Double
  ) {
    self.layers = layers
    self.touchedBytes = touchedBytes
    update = Work(bytes: gradients + updateBytes, seconds: seconds)
  }

  /// All of it; the time is that of the parts, without the rank's input.
  public var total: Work {
    layers.reduce(into: update) { $0 += $1.work }
  }
}
