import Buffers
import Tensors

/// Scratch that the sparse layers of a model share.
final class SparseTile {
  private var room = HostBuffer<Float>(count: 0)

  /// Its memory; another one after each ``reserve(_:)``.
  var base: UnsafeMutablePointer<Float> { room.base }

  /// Makes room for layers of `inputs` inputs.
  func reserve(_ inputs: Int) {
    let count = inputs * Kernels.sparseTileSamples
    if room.count < count { room = HostBuffer(count: count) }
  }
}

extension Model {
  /// The share of weights that are not zero up to which leaving out the others pays.
  ///
  /// A sparse product costs as much as a dense one at a half of them in large batches, at a third in small
  /// ones (`aimass benchmark sparse`). It is fixed, since what is faster by the clock would change the bits from one start to the next.
  public static let sparseShare = 0.3

  /// What became of the linear layers.
  public struct Sparsity: Sendable, Equatable {
    /// Layers whose zeros are left out, and all of them.
    public var layers = 0, allLayers = 0
    /// Weights of those layers that are not zero, and all of theirs.
    public var live = 0, weights = 0
  }

  /// Lets passes that evaluate with these parameters skip the zeros of linear layers that have many.
  ///
  /// Their last bits differ from those of a dense product, and not with the samples of a microbatch.
  ///
  /// - Parameter parameters: P scalars in canonical order, which must not change any more.
  /// - Returns: which layers that is worth it for.
  /// - Cost: two passes over the weights, and 6 bytes for each that is not zero.
  @discardableResult
  public func leaveOutZeros(of parameters: UnsafePointer<Float>) -> Sparsity {
    let tile = SparseTile()
    var result = Sparsity()
    for layer in linearLayers {
      result.allLayers += 1
      guard let live = layer.leaveOutZeros(of: parameters, most: Self.sparseShare, tile: tile)
      else { continue }
      result.layers += 1
      result.live += live
      result.weights += layer.weightCount
    }
    return result
  }
}
