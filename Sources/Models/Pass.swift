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

  /// The ids at `place`, which must be a field.
  @inline(__always)
  func integers(_ place: Place) -> UnsafePointer<Int64> {
    guard case .field(let index) = place else { preconditionFailure("ids lie in fields only") }
    return UnsafePointer(fields[index].assumingMemoryBound(to: Int64.self))
  }

  /// The gradient of the slot at `offset`.
  @inline(__always)
  func gradient(_ offset: Int) -> UnsafeMutablePointer<Float> {
    guard let gradients else { preconditionFailure("a backward pass needs gradients") }
    return gradients + offset
  }
}
