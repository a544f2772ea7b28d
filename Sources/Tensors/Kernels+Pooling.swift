import CKernels

/// The extents of a pooling window over NHWC images; pairs are (height, width).
public struct PoolGeometry: Sendable {
  /// Output height.
  public var outHeight: Int { Int(native.outHeight) }
  /// Output width.
  public var outWidth: Int { Int(native.outWidth) }

  private(set) var native: CKernels_Pool

  /// A geometry from its parts; windows that do not fit whole are left out.
  ///
  /// - Precondition: padding is at most half the window, and one window fits.
  public init(
    height: Int, width: Int, channels: Int, size: [Int], stride: [Int], padding: [Int]
  ) {
    precondition(2 * padding[0] <= size[0] && 2 * padding[1] <= size[1], "padding over half")
    native = CKernels_Pool(
      height: Int64(height), width: Int64(width), channels: Int64(channels),
      outHeight: Int64(ConvolutionGeometry.extent(height, size[0], stride[0], padding[0], 1)),
      outWidth: Int64(ConvolutionGeometry.extent(width, size[1], stride[1], padding[1], 1)),
      sizeHeight: Int64(size[0]), sizeWidth: Int64(size[1]), strideHeight: Int64(stride[0]),
      strideWidth: Int64(stride[1]), paddingHeight: Int64(padding[0]),
      paddingWidth: Int64(padding[1]))
    precondition(outHeight > 0 && outWidth > 0, "no window fits the padded input")
  }

  /// The same window over an input of another width.
  ///
  /// - Precondition: one window fits.
  public func resized(width: Int) -> PoolGeometry {
    var copy = self
    copy.native.width = Int64(width)
    copy.native.outWidth = Int64(
      ConvolutionGeometry.extent(
        width, Int(native.sizeWidth), Int(native.strideWidth), Int(native.paddingWidth), 1))
    precondition(copy.outWidth > 0, "no window fits \(width) cells")
    return copy
  }
}

extension Kernels {
  /// The maximum of each window and its position in the image (row · W + column); the first of equals.
  ///
  /// NaN wins, as in PyTorch. Padding never wins.
  public static func maxPoolForward(
    _ g: PoolGeometry, samples: Int, x: ConstantFloats, y: Floats,
    winners: UnsafeMutablePointer<Int32>
  ) {
    forEachPart(g, samples) { native, count, input, output in
      table.pointee.maxPoolForward(native, count, x + input, y + output, winners + output)
    }
  }

  /// Hands each window's gradient to its winner.
  public static func maxPoolBackward(
    _ g: PoolGeometry, samples: Int, dy: ConstantFloats, winners: UnsafePointer<Int32>, dx: Floats
  ) {
    forEachPart(g, samples) { native, count, input, output in
      table.pointee.maxPoolBackward(native, count, dy + output, winners + output, dx + input)
    }
  }

  /// The mean of the cells of each window that lie in the image.
  public static func averagePoolForward(
    _ g: PoolGeometry, samples: Int, x: ConstantFloats, y: Floats
  ) {
    forEachPart(g, samples) { native, count, input, output in
      table.pointee.averagePoolForward(native, count, x + input, y + output)
    }
  }

  /// Spreads each window's gradient evenly over its cells.
  public static func averagePoolBackward(
    _ g: PoolGeometry, samples: Int, dy: ConstantFloats, dx: Floats
  ) {
    forEachPart(g, samples) { native, count, input, output in
      table.pointee.averagePoolBackward(native, count, dy + output, dx + input)
    }
  }

  /// Cuts samples among threads; `input` and `output` are where a range begins, in floats.
  private static func forEachPart(
    _ g: PoolGeometry, _ samples: Int,
    _ body: (UnsafePointer<CKernels_Pool>, _ count: Int64, _ input: Int, _ output: Int) -> Void
  ) {
    let image = Int(g.native.height * g.native.width * g.native.channels)
    let pooled = g.outHeight * g.outWidth * Int(g.native.channels)
    split(samples, work: 3 * samples * image) { range in
      var native = g.native
      body(&native, Int64(range.count), range.lowerBound * image, range.lowerBound * pooled)
    }
  }

  /// The mean over all positions: `[n, positions, C]` to `[n, C]`.
  public static func globalAverageForward(
    samples: Int, positions: Int, channels: Int, x: ConstantFloats, y: Floats
  ) {
    split(samples, work: samples * positions * channels) { range in
      let first = range.lowerBound * channels
      table.pointee.globalAverageForward(
        Int64(range.count), Int64(positions), Int64(channels), x + first * positions, y + first)
    }
  }

  /// Spreads `[n, C]` evenly over `[n, positions, C]`.
  public static func globalAverageBackward(
    samples: Int, positions: Int, channels: Int, dy: ConstantFloats, dx: Floats
  ) {
    split(samples, work: samples * positions * channels) { range in
      let first = range.lowerBound * channels
      table.pointee.globalAverageBackward(
        Int64(range.count), Int64(positions), Int64(channels), dy + first, dx + first * positions)
    }
  }
}
