import CKernels

/// The extents of a two-dimensional convolution over NHWC images; pairs are (height, width).
public struct ConvolutionGeometry: Sendable, Equatable {
  /// Input height H.
  public let height: Int
  /// Input width W.
  public private(set) var width: Int
  /// Input channels C.
  public let channels: Int
  /// Output channels O.
  public let outChannels: Int
  /// Kernel extents.
  public let kernel: [Int]
  /// Steps between outputs.
  public let stride: [Int]
  /// Zeros on each side of the input.
  public let padding: [Int]
  /// Distance between kernel elements.
  public let dilation: [Int]
  /// Groups; each sees `C / groups` channels and makes `O / groups`.
  public let groups: Int
  /// What operands are rounded to; float32 also where rounding them takes as long as it saves.
  public let precision: Precision

  /// A geometry from its parts.
  ///
  /// Fewer than four channels of a group leave little to multiply in pairs, and strides that jump
  /// over pixels little for each one that is rounded: such convolutions are float32 in any case.
  ///
  /// - Precondition: extents are positive, both channel counts are multiples of `groups`, and the
  ///   dilated kernel fits the padded input.
  public init(
    height: Int, width: Int, channels: Int, outChannels: Int, kernel: [Int],
    stride: [Int] = [1, 1],
    padding: [Int] = [0, 0], dilation: [Int] = [1, 1], groups: Int = 1,
    precision: Precision = .float32
  ) {
    precondition(channels % groups == 0 && outChannels % groups == 0, "groups do not divide")
    self.height = height
    self.width = width
    self.channels = channels
    self.outChannels = outChannels
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
    let pays = channels / groups >= 4 && kernel[0] >= stride[0] && kernel[1] >= stride[1]
    self.precision = pays ? precision : .float32
    native = CKernels_Convolution(
      height: Int64(height), width: Int64(width), channels: Int64(channels),
      outHeight: Int64(Self.extent(height, kernel[0], stride[0], padding[0], dilation[0])),
      outWidth: Int64(Self.extent(width, kernel[1], stride[1], padding[1], dilation[1])),
      outChannels: Int64(outChannels), kernelHeight: Int64(kernel[0]),
      kernelWidth: Int64(kernel[1]), strideHeight: Int64(stride[0]), strideWidth: Int64(stride[1]),
      paddingHeight: Int64(padding[0]), paddingWidth: Int64(padding[1]),
      dilationHeight: Int64(dilation[0]), dilationWidth: Int64(dilation[1]), groups: Int64(groups))
    precondition(outHeight > 0 && outWidth > 0, "the kernel does not fit the padded input")
  }

  private(set) var native: CKernels_Convolution

  /// The same convolution over an input of another width; costs no allocation.
  ///
  /// - Precondition: the kernel fits.
  public func resized(width: Int) -> ConvolutionGeometry {
    var copy = self
    copy.width = width
    copy.native.width = Int64(width)
    copy.native.outWidth = Int64(
      Self.extent(width, kernel[1], stride[1], padding[1], dilation[1]))
    precondition(copy.outWidth > 0, "the kernel does not fit \(width) cells")
    return copy
  }

  /// `(extent + 2 · padding − dilation · (kernel − 1) − 1) / stride + 1`; 0 if none fits, and of an
  /// empty input, since an output that reads padding alone belongs to nobody.
  public static func extent(
    _ input: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int
  ) -> Int {
    guard input > 0 else { return 0 }
    let room = input + 2 * padding - dilation * (kernel - 1) - 1
    return room < 0 ? 0 : room / stride + 1
  }

  /// Output height.
  public var outHeight: Int { Int(native.outHeight) }
  /// Output width.
  public var outWidth: Int { Int(native.outWidth) }
  /// Floats of the weights `[KH, KW, C / groups, O]`.
  public var weightCount: Int { kernel[0] * kernel[1] * (channels / groups) * outChannels }
  /// Floats of the weights packed for the forward pass.
  public var packedCount: Int { packed(channels, outChannels) }
  /// Floats of the weights packed for the input gradient.
  public var packedTransposedCount: Int {
    // In blocks of channels or, where the gradient is spread, in panels of all weights of an output.
    let panels = (kernel[0] * kernel[1] * channels + Int(PRODUCT_PANEL) - 1) / Int(PRODUCT_PANEL)
    return max(
      packed(outChannels, channels), groups == 1 ? panels * Int(PRODUCT_PANEL) * outChannels : 0)
  }
  /// Multiplications with additions of one sample's forward pass.
  public var multiplyAddsPerSample: Int { outHeight * outWidth * weightCount }

  private func packed(_ sources: Int, _ targets: Int) -> Int {
    let blocks = (targets / groups + 15) / 16
    return groups * blocks * kernel[0] * kernel[1] * (sources / groups) * 16
  }

  /// Equality of the extents.
  public static func == (a: Self, b: Self) -> Bool {
    a.height == b.height && a.width == b.width && a.channels == b.channels
      && a.outChannels == b.outChannels && a.kernel == b.kernel && a.stride == b.stride
      && a.padding == b.padding && a.dilation == b.dilation && a.groups == b.groups
      && a.precision == b.precision
  }
}
