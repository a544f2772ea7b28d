import Buffers
import CKernels

/// Logarithmic energies of mel filters (FBANK), and cepstra of them (MFCC), by Kaldi's recipe.
///
/// Frames without dither; mean removal; pre-emphasis x_i − 0.97 x_{i−1} (x_0 − 0.97 x_0); Povey's window
/// (0.5 − 0.5 cos(2πi / (L − 1)))^0.85; power spectrum of the next power of two; triangles on
/// mel(f) = 1127 ln(1 + f / 700) over the bins below the highest; ln(max(E, 2⁻²³)); for cepstra the
/// orthonormal DCT-II and the lifter 1 + Q / 2 · sin(πk / Q). The steps before the power are linear, so
/// they are one matrix that was worked out in Float64, as are DCT and lifter.
///
/// Source: kaldi-asr/kaldi, `src/feat/feature-fbank.cc`, `feature-mfcc.cc`, `mel-computations.cc`.
public final class FilterBank: @unchecked Sendable {
  /// What defines a filter bank.
  public struct Settings: Sendable, Equatable {
    /// Values per second.
    public var rate: Double
    /// L: values of a frame, at least 2.
    public var frame: Int
    /// H: values from one frame to the next.
    public var shift: Int
    /// Filters.
    public var bins: Int
    /// Lower edge of the first filter in Hz.
    public var low: Double
    /// Upper edge of the last filter in Hz, at most half of the rate.
    public var high: Double
    /// Factor of the values; the recipe's values are those of 16-bit integers.
    public var scale: Double
    /// Cepstra to keep; nil for the energies themselves.
    public var coefficients: Int?
    /// Q of the lifter; 0 for none.
    public var lifter: Double

    /// Settings from their parts.
    public init(
      rate: Double, frame: Int, shift: Int, bins: Int, low: Double, high: Double,
      scale: Double = 32_768, coefficients: Int? = nil, lifter: Double = 22
    ) {
      self.rate = rate
      self.frame = frame
      self.shift = shift
      self.bins = bins
      self.low = low
      self.high = high
      self.scale = scale
      self.coefficients = coefficients
      self.lifter = lifter
    }

    /// Numbers per frame.
    public var width: Int { coefficients ?? bins }
    /// The bins of the spectrum that filters read: half of the transform's length.
    public var spectrumBins: Int {
      var half = 1
      while 2 * half < frame { half *= 2 }
      return half
    }
  }

  /// What defines it.
  public let settings: Settings
  /// Frames that are worked on at a time.
  private static let block = 128
  private let spectrum, filters, cepstra: HostBuffer<Float>

  /// Works out the matrices.
  ///
  /// - Precondition: settings are within their bounds.
  public init(_ settings: Settings) {
    precondition(
      settings.frame >= 2 && settings.shift >= 1 && settings.bins >= 1 && settings.low >= 0
        && settings.low < settings.high && settings.high <= settings.rate / 2,
      "a filter bank of \(settings)")
    self.settings = settings
    spectrum = Self.buffer(settings.spectrumMatrix)
    filters = Self.buffer(settings.filterMatrix)
    cepstra = Self.buffer(settings.cepstrumMatrix)
  }

  /// Bytes of the matrices: about four times the square of the transform's length.
  public var byteCount: Int {
    (spectrum.count + filters.count + cepstra.count) * MemoryLayout<Float>.stride
  }

  /// Frames of `count` values: none where not even one fits, 1 + ⌊(count − L) / H⌋ else.
  public func frames(of count: Int) -> Int {
    count < settings.frame ? 0 : 1 + (count - settings.frame) / settings.shift
  }

  /// Floats of scratch that ``compute(samples:valueOffsets:frameOffsets:values:output:scratch:)`` needs.
  public var scratchCount: Int {
    Self.block * (settings.frame + 3 * settings.spectrumBins + settings.bins)
  }

  /// The features of every frame of every sample.
  ///
  /// Cost: about `4 · L · K` floating-point operations a frame, with K half of the transform's length.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - valueOffsets: n + 1 first values.
  ///   - frameOffsets: n + 1 first frames, made of ``frames(of:)``.
  ///   - values: all values.
  ///   - output: `[frames, width]`.
  ///   - scratch: ``scratchCount`` floats.
  public func compute(
    samples: Int, valueOffsets: UnsafePointer<Int>, frameOffsets: UnsafePointer<Int>,
    values: ConstantFloats, output: Floats, scratch: Floats
  ) {
    let frames = frameOffsets[samples]
    var first = 0
    var sample = 0
    while first < frames {
      let count = min(Self.block, frames - first)
      var filled = 0
      while filled < count {
        let frame = first + filled
        while frameOffsets[sample + 1] <= frame { sample += 1 }
        let run = min(count - filled, frameOffsets[sample + 1] - frame)
        let start = (frame - frameOffsets[sample]) * settings.shift
        Kernels.copyColumns(
          rows: run, width: settings.frame, source: values + valueOffsets[sample] + start,
          sourceStride: settings.shift, destination: scratch + filled * settings.frame,
          destinationStride: settings.frame)
        filled += run
      }
      features(count, scratch, output + first * settings.width)
      first += count
    }
  }

  /// The features of `count` frames that lie at the start of `scratch`.
  private func features(_ count: Int, _ scratch: Floats, _ output: Floats) {
    let (bins, half) = (settings.bins, settings.spectrumBins)
    let transformed = scratch + Self.block * settings.frame
    let power = transformed + Self.block * 2 * half
    Kernels.product(
      rows: count, columns: 2 * half, inner: settings.frame, scratch, settings.frame,
      spectrum.base, 2 * half, transformed, 2 * half)
    Kernels.table.pointee.powerSpectrum(Int64(count), Int64(half), transformed, power)
    let energies = settings.coefficients == nil ? output : power + Self.block * half
    Kernels.product(
      rows: count, columns: bins, inner: half, power, half, filters.base, bins, energies, bins)
    Kernels.logarithms(count: count * bins, atLeast: 0x1p-23, values: energies)
    guard let coefficients = settings.coefficients else { return }
    Kernels.product(
      rows: count, columns: coefficients, inner: bins, energies, bins, cepstra.base, coefficients,
      output, coefficients)
  }

  private static func buffer(_ values: [Double]) -> HostBuffer<Float> {
    let buffer = HostBuffer<Float>(count: values.count)
    for (index, value) in values.enumerated() { buffer.base[index] = Float(value) }
    return buffer
  }
}
