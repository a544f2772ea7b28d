/// What is done to the data before the first layer with parameters; no gradient passes it.
public enum FrontEndConfiguration: Sendable, Equatable {
  /// `fbank{…}`: logarithmic energies of mel filters; a sound becomes a sequence of frames.
  case fbank(FilterBankConfiguration)
  /// `mfcc{…,coefficients,lifter}`: cepstra of them.
  case mfcc(FilterBankConfiguration, coefficients: Int, lifter: Double)
  /// `g711{law,…}`: the coding of telephone lines.
  case g711(G711Configuration)
  /// `linearPrediction{…}`: each value out of those before it.
  case linearPrediction(LinearPredictionConfiguration)
  /// `deltas{order}`: features with their slopes, and slopes of slopes.
  case deltas(order: Int)
  /// `cmvn`: each channel of each sequence with mean 0 and variance 1.
  case cmvn
  /// `specAugment{…}`: hides runs of channels and of steps; only when training.
  case specAugment(SpecAugmentConfiguration)
  /// `noise{snr}`: adds white noise at so many decibels below the sound; only when training.
  case noise(least: Double, most: Double)
  /// `flip`: mirrors half of the images; only when training.
  case flip
  /// `randomCrop{padding}`: moves images by up to so many pixels; only when training.
  case randomCrop(padding: Int)
  /// `cutout{size}`: hides a square of each image; only when training.
  case cutout(size: Int)
}

/// The filters of `fbank` and `mfcc`.
public struct FilterBankConfiguration: Sendable, Equatable {
  /// Values per second.
  public var rate: Int
  /// Filters; default 40 for `fbank` and 23 for `mfcc`.
  public var bins: Int
  /// Length of a frame; default 25.
  public var frameMilliseconds: Double
  /// From one frame to the next; default 10.
  public var shiftMilliseconds: Double
  /// Lower edge of the first filter in Hz; default 20.
  public var low: Double
  /// Upper edge of the last filter in Hz; nil for half of the rate.
  public var high: Double?
  /// Factor from the values to those of 16-bit integers; default 32768, for a full scale of 1.
  public var scale: Double

  /// Filters from their parts.
  public init(
    rate: Int, bins: Int, frameMilliseconds: Double = 25, shiftMilliseconds: Double = 10,
    low: Double = 20, high: Double? = nil, scale: Double = 32_768
  ) {
    self.rate = rate
    self.bins = bins
    self.frameMilliseconds = frameMilliseconds
    self.shiftMilliseconds = shiftMilliseconds
    self.low = low
    self.high = high
    self.scale = scale
  }
}

/// The masks of `specAugment`.
public struct SpecAugmentConfiguration: Sendable, Equatable {
  /// Masks over channels; default 2.
  public var frequencyMasks: Int
  /// Most channels of one; default 8.
  public var frequencyWidth: Int
  /// Masks over steps; default 2.
  public var timeMasks: Int
  /// Most steps of one; default 20.
  public var timeWidth: Int
  /// The largest part of a sequence that one may hide; default 0.2.
  public var timeFraction: Double

  /// Masks from their parts.
  public init(
    frequencyMasks: Int = 2, frequencyWidth: Int = 8, timeMasks: Int = 2, timeWidth: Int = 20,
    timeFraction: Double = 0.2
  ) {
    self.frequencyMasks = frequencyMasks
    self.frequencyWidth = frequencyWidth
    self.timeMasks = timeMasks
    self.timeWidth = timeWidth
    self.timeFraction = timeFraction
  }
}
