import Tensors

/// One microbatch in a pass: pointers and numbers only, so that passing it costs nothing.
struct Pass {
  /// n: samples of the microbatch, at most the capacity.
  let samples: Int
  /// True for batch statistics and dropout, false for running statistics and none.
  let training: Bool
  /// The optimizer step, for dropout.
  let step: Int
  /// The run's seed, for dropout.
  let seed: UInt64
  /// Each sample's number in its split, for dropout.
  let sampleNumbers: UnsafePointer<Int64>
  /// The model's parameters in canonical order.
  let parameters: UnsafePointer<Float>
  /// The gradient in canonical order; the parameters' own shape, written by the backward pass.
  let gradients: UnsafeMutablePointer<Float>?
  /// The arena.
  let memory: UnsafeMutableRawPointer
  /// Scratch that is free again when a layer returns.
  let scratch: UnsafeMutablePointer<Float>
  /// Where each slab begins.
  let slabs: UnsafePointer<UnsafeMutablePointer<Float>>
  /// Where each field of the microbatch begins.
  let fields: UnsafePointer<UnsafeMutableRawPointer>
  /// The microbatch's place in its group, from 0.
  let member: Int
  /// Where each sample's units begin, axis by axis.
  let axes: UnsafePointer<Int>
  /// The distance between two axes in ``axes``.
  let axisStride: Int
  /// Where states come from and go to; nil to begin with zeros and forget.
  let carried: CarriedState?
  /// Floats of a sample's row in ``carried``.
  let carriedWidth: Int

  /// Where each sample's units begin on an axis: n + 1 numbers.
  @inline(__always)
  func offsets(_ axis: Int) -> UnsafePointer<Int> { axes + axis * axisStride }

  /// How many scalars or rows there are in this pass.
  @inline(__always)
  func count(_ extent: Extent) -> Int {
    let units = extent.axis < 0 ? samples : axes[extent.axis * axisStride + samples]
    return units * extent.perUnit
  }

  /// The floats at `place`.
  @inline(__always)
  func floats(_ place: Place) -> UnsafeMutablePointer<Float> {
    switch place {
    case .region(let region): return floats(region)
    case .slab(let index): return slabs[index]
    case .field(let index): return fields[index].assumingMemoryBound(to: Float.self)
    }
  }

  /// The floats of a region of the arena.
  @inline(__always)
  func floats(_ region: Region) -> UnsafeMutablePointer<Float> {
    (memory + region.offset).assumingMemoryBound(to: Float.self)
  }

  /// The Float64 of a region of the arena.
  @inline(__always)
  func doubles(_ region: Region) -> UnsafeMutablePointer<Double> {
    (memory + region.offset).assumingMemoryBound(to: Double.self)
  }

  /// The ids at `place`, a field or a copy of a part of one.
  @inline(__always)
  func integers(_ place: Place) -> UnsafePointer<Int64> {
    switch place {
    case .field(let index): return UnsafePointer(fields[index].assumingMemoryBound(to: Int64.self))
    case .region(let region):
      return UnsafePointer((memory + region.offset).assumingMemoryBound(to: Int64.self))
    case .slab: preconditionFailure("ids have no gradient")
    }
  }

  /// The gradient of the slot at `offset`.
  @inline(__always)
  func gradient(_ offset: Int) -> UnsafeMutablePointer<Float> {
    guard let gradients else { preconditionFailure("a backward pass needs gradients") }
    return gradients + offset
  }
}
