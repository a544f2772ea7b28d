import CKernels

extension Kernels {
  /// A function of one number.
  public struct ElementwiseFunction: Sendable, Equatable {
    let native: CKernels_Function
    let slope: Float

    /// Whether ``Kernels/activateGradient(_:count:input:output:outputGradient:inputGradient:)`` reads the output
    /// alone; else it reads the input alone.
    public var isKnownFromOutput: Bool {
      [CKernels_relu, CKernels_tanh, CKernels_sigmoid].contains(native)
    }
    /// What a number costs, in those that are read or written.
    var cost: Int { native == CKernels_relu || native == CKernels_leakyRelu ? 2 : 6 }

    /// `max(0, x)`.
    public static let relu = ElementwiseFunction(native: CKernels_relu, slope: 0)
    /// `x · Φ(x)`, exact form; relative error below 6e-7 for |x| <= 3, below 5e-6 in the far tail.
    public static let gelu = ElementwiseFunction(native: CKernels_gelu, slope: 0)
    /// Hyperbolic tangent within 1.5 units in the last place.
    public static let tanh = ElementwiseFunction(native: CKernels_tanh, slope: 0)
    /// `1 / (1 + exp(−x))` within 3 units in the last place; zero below −87.3.
    public static let sigmoid = ElementwiseFunction(native: CKernels_sigmoid, slope: 0)
    /// `x` above zero, `slope · x` below.
    public static func leakyRelu(slope: Float) -> ElementwiseFunction {
      ElementwiseFunction(native: CKernels_leakyRelu, slope: slope)
    }
  }

  /// `y = f(x)` for `count` numbers; in place is allowed.
  public static func activate(
    _ f: ElementwiseFunction, count: Int, input: ConstantFloats, output: Floats
  ) {
    split(count, by: 16, work: f.cost * count) { range in
      let first = range.lowerBound
      table.pointee.activate(
        f.native, f.slope, Int64(range.count), input + first, output + first)
    }
  }

  /// `dx = dy · f′(x)` for `count` numbers; `dx` may be `dy`.
  ///
  /// Relu, tanh and sigmoid read the output alone, the others the input.
  public static func activateGradient(
    _ f: ElementwiseFunction, count: Int, input: ConstantFloats, output: ConstantFloats,
    outputGradient: ConstantFloats, inputGradient: Floats
  ) {
    split(count, by: 16, work: f.cost * count) { range in
      let first = range.lowerBound
      table.pointee.activateGradient(
        f.native, f.slope, Int64(range.count), input + first, output + first,
        outputGradient + first, inputGradient + first)
    }
  }

  /// Sets `count` numbers to `value`.
  public static func fill(count: Int, value: Float, output: Floats) {
    split(count, by: 16, work: count) {
      (output + $0.lowerBound).update(repeating: value, count: $0.count)
    }
  }

  /// Copies `count` numbers.
  public static func copy(count: Int, source: ConstantFloats, destination: Floats) {
    split(count, by: 16, work: 2 * count) {
      (destination + $0.lowerBound).update(from: source + $0.lowerBound, count: $0.count)
    }
  }

  /// `output = a + b`; `output` may be either.
  public static func add(count: Int, a: ConstantFloats, b: ConstantFloats, output: Floats) {
    split(count, by: 16, work: 3 * count) { range in
      let first = range.lowerBound
      table.pointee.add(Int64(range.count), a + first, b + first, output + first)
    }
  }

  /// `output = max(0, a + b)`, NaN where the sum is; `output` may be either.
  public static func addRelu(count: Int, a: ConstantFloats, b: ConstantFloats, output: Floats) {
    split(count, by: 16, work: 3 * count) { range in
      let first = range.lowerBound
      table.pointee.addRelu(Int64(range.count), a + first, b + first, output + first)
    }
  }

  /// `destination += source` where `output`, which a relu gave, is above zero; 0 elsewhere.
  ///
  /// A sum of gradients on its way back through that relu.
  public static func addThroughRelu(
    count: Int, source: ConstantFloats, output: ConstantFloats, destination: Floats
  ) {
    split(count, by: 16, work: 4 * count) { range in
      let first = range.lowerBound
      table.pointee.addThroughRelu(
        Int64(range.count), source + first, output + first, destination + first)
    }
  }

  /// `destination += source`: one addition of the tree.
  public static func addInto(count: Int, source: ConstantFloats, destination: Floats) {
    split(count, by: 16, work: 3 * count) { range in
      let first = range.lowerBound
      table.pointee.addInto(Int64(range.count), source + first, destination + first)
    }
  }

  /// Multiplies `count` numbers by `factor`.
  public static func scale(count: Int, factor: Float, values: Floats) {
    split(count, by: 16, work: 2 * count) { range in
      table.pointee.scale(Int64(range.count), factor, values + range.lowerBound)
    }
  }

  /// `Σ x` in Float64, in a fixed order.
  public static func sum(_ count: Int, _ x: ConstantFloats) -> Double {
    table.pointee.sum(Int64(count), x)
  }

  /// `Σ x²` in Float64, in a fixed order.
  public static func squaredNorm(_ count: Int, _ x: ConstantFloats) -> Double {
    table.pointee.squaredNorm(Int64(count), x)
  }

  /// Whether none of `count` numbers is NaN or infinite.
  public static func isFinite(_ count: Int, _ x: ConstantFloats) -> Bool {
    table.pointee.isFinite(Int64(count), x)
  }

  /// Copies a `[rows, width]` block between matrices whose rows are `…Stride` floats apart.
  public static func copyColumns(
    rows: Int, width: Int, source: ConstantFloats, sourceStride: Int, destination: Floats,
    destinationStride: Int
  ) {
    split(rows, work: 2 * rows * width) { range in
      let first = range.lowerBound
      table.pointee.copyColumns(
        Int64(range.count), Int64(width), source + first * sourceStride, Int64(sourceStride),
        destination + first * destinationStride, Int64(destinationStride))
    }
  }

  /// Adds a `[rows, width]` block to another, rows `…Stride` floats apart.
  public static func addColumns(
    rows: Int, width: Int, source: ConstantFloats, sourceStride: Int, destination: Floats,
    destinationStride: Int
  ) {
    split(rows, work: 3 * rows * width) { range in
      let first = range.lowerBound
      table.pointee.addColumns(
        Int64(range.count), Int64(width), source + first * sourceStride, Int64(sourceStride),
        destination + first * destinationStride, Int64(destinationStride))
    }
  }
}
