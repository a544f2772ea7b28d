/// A sound: `{modality: sound, rate: 8000, seconds: 1, scale: int16}`.
public struct SoundField: Sendable, Equatable {
  /// `rate`: samples a second that are stored; nil: that of the files, which must be one.
  public var rate: Int?
  /// `seconds` or `frames`: the one length that sounds are cut or filled with zeros to; nil: each keeps
  /// its own.
  public var length: Length?
  /// `scale`: how amplitudes are stored; default `unit`.
  public var scale: Scale
  /// `noise`: what is mixed into every sound; nil: nothing.
  public var noise: SoundNoise?

  /// The one length of all sounds.
  public enum Length: Sendable, Equatable {
    /// Seconds, above zero.
    case seconds(Double)
    /// Samples of the stored rate, at least 1.
    case frames(Int)
  }

  /// How amplitudes are stored.
  public enum Scale: String, Sendable, Equatable, CaseIterable {
    /// float32, full scale is 1.
    case unit
    /// int16, full scale is 32,768.
    case int16
  }

  /// A sound field, each option with its default.
  public init(
    rate: Int? = nil, length: Length? = nil, scale: Scale = .unit, noise: SoundNoise? = nil
  ) {
    self.noise = noise
    self.rate = rate
    self.length = length
    self.scale = scale
  }
}
