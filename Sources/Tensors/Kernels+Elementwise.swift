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
    table.pointee.activate(f.native, f.slope, Int64(count), input, output)
  }

  /// `dx = dy · f′(x)` for `count` numbers; `dx` may be `dy`.
  ///
  /// Relu, tanh and sigmoid read the output alone, the others the input.
  public static func activateGradient(
    _ f: ElementwiseFunction, count: Int, input: ConstantFloats, output: ConstantFloats,
    outputGradient: ConstantFloats, inputGradient: Floats
  ) {
    table.pointee.activateGradient(
      f.native, f.slope, Int64(count), input, output, outputGradient, inputGradient)
  }

  /// Sets `count` numbers to `value`.
  public static func fill(count: Int, value: Float, output: Floats) {
    output.update(repeating: value, count: count)
  }

  /// Copies `count` numbers.
  public static func copy(count: Int, source: ConstantFloats, destination: Floats) {
    destination.update(from: source, count: count)
  }

  /// `output = a + b`; `output` may be either.
  public static func add(count: Int, a: ConstantFloats, b: ConstantFloats, output: Floats) {
    table.pointee.add(Int64(count), a, b, output)
  }

  /// `output = max(0, a + b)`, NaN where the sum is; `output` may be either.
  public static func addRelu(count: Int, a: ConstantFloats, b: ConstantFloats, output: Floats) {
    table.pointee.addRelu(Int64(count), a, b, output)
  }

  /// `destination += source` where `output`, which a relu gave, is above zero; 0 elsewhere.
  ///
  /// A sum of gradients on its way back through that relu.
  public static func addThroughRelu(
    count: Int, source: ConstantFloats, output: ConstantFloats, destination: Floats
  ) {
    table.pointee.addThroughRelu(Int64(count), source, output, destination)
  }

  /// `destination += source`: one addition of the tree.
  public static func addInto(count: Int, source: ConstantFloats, destination: Floats) {
    table.pointee.addInto(Int64(count), source, destination)
  }

  /// Multiplies `count` numbers by `factor`.
  public static func scale(count: Int, factor: Float, values: Floats) {
    table.pointee.scale(Int64(count), factor, values)
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
    table.pointee.copyColumns(
      Int64(rows), Int64(width), source, Int64(sourceStride), destination, Int64(destinationStride))
  }

  /// Adds a `[rows, width]` block to another, rows `…Stride` floats apart.
  public static func addColumns(
    rows: Int, width: Int, source: ConstantFloats, sourceStride: Int, destination: Floats,
    destinationStride: Int
  ) {
    table.pointee.addColumns(
      Int64(rows), Int64(width), source, Int64(sourceStride), destination, Int64(destinationStride))
  }
}
