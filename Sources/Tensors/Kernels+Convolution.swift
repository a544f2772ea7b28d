import CKernels

extension Kernels {
  /// Packs `[KH, KW, C / groups, O]` weights for ``convolutionForward(_:samples:_:packed:bias:_:)``.
  public static func packConvolution(
    _ g: ConvolutionGeometry, _ weights: ConstantFloats, into packed: Floats
  ) {
    var native = g.native
    products(g.precision).packConvolution(&native, weights, packed)
  }

  /// Packs `[KH, KW, C / groups, O]` weights for the input gradient.
  public static func packConvolutionTransposed(
    _ g: ConvolutionGeometry, _ weights: ConstantFloats, into packed: Floats
  ) {
    var native = g.native
    products(g.precision).packConvolutionTransposed(&native, weights, packed)
  }

  /// `y[n, i, j, o] = b[o] + Σ x[n, i · s − p + k · d, …, c] · w[k, l, c, o]`.
  ///
  /// - Parameters:
  ///   - g: the geometry.
  ///   - samples: n.
  ///   - input: x, `[n, H, W, C]`.
  ///   - packed: the weights, from ``packConvolution(_:_:into:)``.
  ///   - bias: b, `[O]`, or nil.
  ///   - output: y, `[n, outHeight, outWidth, O]`.
  public static func convolutionForward(
    _ g: ConvolutionGeometry, samples: Int, _ input: ConstantFloats, packed: ConstantFloats,
    bias: ConstantFloats?, _ output: Floats
  ) {
    var native = g.native
    products(g.precision).convolutionForward(&native, Int64(samples), input, packed, bias, output)
  }

  /// The gradient of the input of a convolution.
  ///
  /// - Parameters:
  ///   - g: the geometry.
  ///   - samples: n.
  ///   - outputGradient: dy, `[n, outHeight, outWidth, O]`.
  ///   - packedTransposed: the weights, from ``packConvolutionTransposed(_:_:into:)``.
  ///   - inputGradient: dx, `[n, H, W, C]`.
  public static func convolutionInputGradient(
    _ g: ConvolutionGeometry, samples: Int, _ outputGradient: ConstantFloats,
    packedTransposed: ConstantFloats, _ inputGradient: Floats
  ) {
    var native = g.native
    products(g.precision).convolutionInputGradient(
      &native, Int64(samples), outputGradient, packedTransposed, inputGradient)
  }

  /// The gradient of the weights, and of the bias if there is one, summed over the samples.
  ///
  /// - Parameters:
  ///   - g: the geometry.
  ///   - samples: n.
  ///   - input: x, `[n, H, W, C]`.
  ///   - outputGradient: dy, `[n, outHeight, outWidth, O]`.
  ///   - weightGradient: dw, `[KH, KW, C / groups, O]`.
  ///   - biasGradient: db, `[O]`, or nil.
  public static func convolutionWeightGradient(
    _ g: ConvolutionGeometry, samples: Int, _ input: ConstantFloats,
    _ outputGradient: ConstantFloats, weightGradient: Floats, biasGradient: Floats?
  ) {
    var native = g.native
    products(g.precision).convolutionWeightGradient(
      &native, Int64(samples), input, outputGradient, weightGradient, biasGradient)
  }
}
