import CKernels

extension Kernels {
  /// Packs `[KH, KW, C / groups, O]` weights for ``convolutionForward(_:samples:_:packed:bias:relu:_:)``.
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
  ///   - relu: whether y is what a relu makes of it, to the last bit, for less than another sweep costs.
  ///   - output: y, `[n, outHeight, outWidth, O]`.
  public static func convolutionForward(
    _ g: ConvolutionGeometry, samples: Int, _ input: ConstantFloats, packed: ConstantFloats,
    bias: ConstantFloats?, relu: Bool = false, _ output: Floats
  ) {
    let (image, pixels) = (g.height * g.width * g.channels, g.outHeight * g.outWidth)
    let work = samples * g.multiplyAddsPerSample / 16
    bands(samples, g.outHeight, g.outWidth, work: work) { samples, rows, columns in
      var native = g.native
      native.paddingHeight -= Int64(rows.lowerBound * g.stride[0])
      native.paddingWidth -= Int64(columns.lowerBound * g.stride[1])
      (native.outHeight, native.outWidth) = (Int64(rows.count), Int64(columns.count))
      let first = samples.lowerBound * pixels + rows.lowerBound * g.outWidth + columns.lowerBound
      products(g.precision).convolutionForward(
        &native, Int64(samples.count), input + samples.lowerBound * image, packed, bias,
        relu, output + first * g.outChannels)
    }
  }

  /// Whether the input gradient is a product spread over the image, whose bits and speed differ from those of tiles.
  package static func spreadsInputGradient(_ g: ConvolutionGeometry) -> Bool {
    var native = g.native
    return products(g.precision).spreadsGradient(&native)
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
    let (image, pixels) = (g.outHeight * g.outWidth * g.outChannels, g.height * g.width)
    let work = samples * g.multiplyAddsPerSample / 16
    bands(samples, g.height, g.width, work: work) { samples, rows, columns in
      var native = g.native
      native.paddingHeight += Int64(rows.lowerBound)
      native.paddingWidth += Int64(columns.lowerBound)
      (native.height, native.width) = (Int64(rows.count), Int64(columns.count))
      let first = samples.lowerBound * pixels + rows.lowerBound * g.width + columns.lowerBound
      products(g.precision).convolutionInputGradient(
        &native, Int64(samples.count), outputGradient + samples.lowerBound * image,
        packedTransposed, inputGradient + first * g.channels)
    }
  }

  /// Cuts the targets of a convolution among threads.
  ///
  /// Into samples where these come out even or are many, else into rows or, of a line, into columns. A range of
  /// samples comes with all rows and columns, a range of rows with one sample and all columns.
  private static func bands(
    _ samples: Int, _ rows: Int, _ columns: Int, work: Int,
    _ body: (_ samples: Range<Int>, _ rows: Range<Int>, _ columns: Range<Int>) -> Void
  ) {
    let lines = max(rows, rows == 1 ? columns : 1)
    let parts = parts(samples * lines, work: work)
    guard samples % parts != 0, samples < 8 * parts else {
      return split(samples, work: work) { body($0, 0..<rows, 0..<columns) }
    }
    split(samples * lines, work: work) { range in
      for sample in range.lowerBound / lines...(range.upperBound - 1) / lines {
        let first = max(range.lowerBound - sample * lines, 0)
        let band = first..<min(range.upperBound - sample * lines, lines)
        body(sample..<sample + 1, rows == 1 ? 0..<1 : band, rows == 1 ? band : 0..<columns)
      }
    }
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
    let work = samples * g.multiplyAddsPerSample / 16
    let isShared = parts(g.weightCount, work: work) > 1
    weights(of: g, work: work) { part in
      var (native, part) = (g.native, part)
      // Threads that add to one matrix in turn would read ahead what others write.
      let own = isShared ? CKernels_threadScratch(Int64(g.weightCount)) : nil
      products(g.precision).convolutionWeightGradient(
        &native, &part, Int64(samples), input, outputGradient, own ?? weightGradient)
      if let own { copy(part, of: g, from: own, to: weightGradient) }
    }
    guard let biasGradient else { return }
    sumRows(
      rows: samples * g.outHeight * g.outWidth, width: g.outChannels, outputGradient, biasGradient)
  }

  /// Copies some weights.
  private static func copy(
    _ part: CKernels_Weights, of g: ConvolutionGeometry, from source: Floats, to target: Floats
  ) {
    let (outputs, pitch) = (Int64(g.outChannels / g.groups), Int64(g.outChannels))
    let columns = Int64(g.kernel[1] * (g.channels / g.groups))
    for row in part.row..<part.rowEnd {
      for group in part.group..<part.groupEnd {
        let first = Int(
          (row * columns + part.column) * pitch + group * outputs + part.output)
        table.pointee.copyColumns(
          part.columnEnd - part.column, part.outputEnd - part.output, source + first, pitch,
          target + first, pitch)
      }
    }
  }

  /// Cuts the weights of a convolution among threads, along the axis that gives the most even parts.
  ///
  /// A weight is a sum over samples and pixels, which has one order.
  private static func weights(
    of g: ConvolutionGeometry, work: Int, _ body: (CKernels_Weights) -> Void
  ) {
    let columns = g.kernel[1] * (g.channels / g.groups)
    let outputs = g.outChannels / g.groups
    let block = outputs < 64 ? 16 : 32
    let all = CKernels_Weights(
      group: 0, groupEnd: Int64(g.groups), output: 0, outputEnd: Int64(outputs), row: 0,
      rowEnd: Int64(g.kernel[0]), column: 0, columnEnd: Int64(columns))
    let counts = (columns, (outputs + block - 1) / block, g.groups, g.kernel[0])
    let shares = (
      share(counts.0, work), share(counts.1, work), share(counts.2, work), share(counts.3, work)
    )
    let least = min(shares.0, shares.1, shares.2, shares.3)
    let axis = least == shares.0 ? 0 : least == shares.1 ? 1 : least == shares.2 ? 2 : 3
    let count = axis == 0 ? columns : axis == 1 ? outputs : axis == 2 ? g.groups : g.kernel[0]
    split(count, by: axis == 1 ? block : 1, work: work) { range in
      var part = all
      let (first, end) = (Int64(range.lowerBound), Int64(range.upperBound))
      switch axis {
      case 0: (part.column, part.columnEnd) = (first, end)
      case 1: (part.output, part.outputEnd) = (first, end)
      case 2: (part.group, part.groupEnd) = (first, end)
      default: (part.row, part.rowEnd) = (first, end)
      }
      body(part)
    }
  }

  /// The largest part of `units`, cut among threads.
  private static func share(_ units: Int, _ work: Int) -> Double {
    let parts = parts(units, work: work)
    return Double((units + parts - 1) / parts) / Double(units)
  }
}
