/// Noise that is mixed into sounds: `noise: {kind: [white, babble], snr: [-5, 10], seed: 1}`.
public struct SoundNoise: Sendable, Equatable {
  /// `kind`: one or several, of which one is drawn for each sample.
  public var kinds: [Kind]
  /// `snr`: the range that each sample's ratio of signal to noise is drawn from, in decibels; uniform.
  public var snr: ClosedRange<Double>
  /// `seed`: what the draws are keyed by; default 0.
  public var seed: UInt64

  /// What noise sounds like.
  public enum Kind: String, Sendable, Equatable, CaseIterable {
    /// Equal power at all frequencies.
    case white
    /// Power that falls with the frequency: equal in each octave.
    case pink
    /// Other sounds of the same split at once.
    case babble
  }

  /// Noise from its parts.
  public init(kinds: [Kind], snr: ClosedRange<Double>, seed: UInt64 = 0) {
    self.kinds = kinds
    self.snr = snr
    self.seed = seed
  }
}
