import Configuration
import Parameters
import Tensors

extension Optimizer {
  /// Writes one Float64 per piece of `block`: Σ g² of trainable pieces that are not frozen, else 0.
  ///
  /// The places of sharded tables are left to the owners of their rows.
  ///
  /// ``update(_:parameters:gradientScale:learningRateFactor:samples:measuring:)`` does the same on its way, where nothing
  /// depends on the norm.
  ///
  /// A statistic piece that is not finite writes NaN, so that a bad batch statistic is found by
  /// the same check as a bad gradient.
  ///
  /// - Parameters:
  ///   - block: the reduced gradient of an owned block.
  ///   - sums: room for one number per piece of this block, `pieces(ofBlocks:)`.
  public func measureGradient(
    _ block: GlobalGradients.Block, into sums: UnsafeMutablePointer<Double>
  ) {
    let range = pieces.range(ofBlock: block.index)
    for index in range {
      let piece = pieces[index]
      // The owners of its rows write its place.
      guard !piece.isSharded else { continue }
      sums[index - range.lowerBound] = measure(piece, block)
    }
  }

  /// What ``measureGradient(_:into:)`` writes for a piece of a block.
  func measure(_ piece: Piece, _ block: GlobalGradients.Block) -> Double {
    let values = UnsafePointer(block.values) - block.range.lowerBound
    switch piece.action {
    case .move: return squaredNorm(piece) { values + $0 }
    case .follow: return Kernels.isFinite(piece.count, values + piece.start) ? 0 : .nan
    case .leave: return 0
    }
  }

  /// Whether the rule scales by whole-tensor norms, so that `prepare` and `setTensorNorms` are due.
  public var needsTensorNorms: Bool {
    switch rule {
    case .lars, .lamb: true
    case .sgd, .adam, .adamW: false
    }
  }

  /// Computes a block's update direction and its share of the norms of its tensors.
  ///
  /// LAMB moves its moments and replaces the block's gradient by the direction
  /// `r = m̂ / (√v̂ + ε) + λ w`; LARS leaves the gradient, and `r` is the clipped gradient.
  ///
  /// - Parameters:
  ///   - block: the reduced gradient of an owned block.
  ///   - parameters: all weights, in canonical order.
  ///   - gradientScale: the clip factor.
  ///   - sums: room for twice the block's pieces; receives Σ w² and Σ r² of each piece.
  public func prepare(
    _ block: GlobalGradients.Block, parameters: UnsafeMutablePointer<Float>, gradientScale: Float,
    into sums: UnsafeMutablePointer<Double>
  ) {
    let range = pieces.range(ofBlock: block.index)
    for index in range {
      let piece = pieces[index]
      let place = sums + 2 * (index - range.lowerBound)
      guard piece.action == .move else {
        place[0] = 0
        place[1] = 0
        continue
      }
      let values = block.values + (piece.start - block.range.lowerBound)
      var factor = 1.0
      if case .lamb = rule {
        direction(
          piece, weight: parameters + piece.start, values: values, gradientScale: gradientScale)
      } else {
        factor = Double(gradientScale) * Double(gradientScale)
      }
      place[0] = Kernels.squaredNorm(piece.count, parameters + piece.start)
      place[1] = factor * Kernels.squaredNorm(piece.count, values)
    }
  }

  /// Combines the gathered sums of all pieces per tensor, in index order, into trust ratios.
  ///
  /// With `W = ‖w‖` and `D = ‖r‖`: LAMB's ratio is `W / D`, LARS's `η W / (D + λ W + ε)`; both are
  /// 1 where a norm is 0 and for tensors that do not decay.
  ///
  /// - Parameter sums: Σ w² and Σ r² of every piece of the layout, as `prepare` wrote them.
  public func setTensorNorms(_ sums: UnsafePointer<Double>) {
    tensorSums.all.update(repeating: 0)
    for index in 0..<pieces.count {
      let slot = pieces[index].slot
      tensorSums.base[2 * slot] += sums[2 * index]
      tensorSums.base[2 * slot + 1] += sums[2 * index + 1]
    }
    for index in 0..<pieces.count {
      let piece = pieces[index]
      guard piece.adapts, piece.action == .move else { continue }
      ratios[piece.slot] = ratio(
        weight: tensorSums[2 * piece.slot].squareRoot(),
        direction: tensorSums[2 * piece.slot + 1].squareRoot(), decay: piece.weightDecay)
    }
  }

  /// The trust ratio of one tensor.
  private func ratio(weight: Double, direction: Double, decay: Double) -> Float {
    guard weight > 0, direction > 0 else { return 1 }
    switch rule {
    case .lamb: return Float(weight / direction)
    case .lars(_, let trust, let epsilon):
      return Float(trust * weight / (direction + decay * weight + epsilon))
    case .sgd, .adam, .adamW: return 1
    }
  }
}
