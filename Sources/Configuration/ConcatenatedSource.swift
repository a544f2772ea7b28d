/// Sounds made of the clips of another source: `{concatenated: SOURCE, clips: [1, 5], samples: S, …}`.
///
/// A sample is a few clips, drawn independently, one after the other with silence between.
public struct ConcatenatedSource: Sendable, Equatable {
  /// The source of `sounds` whose files are the clips.
  public var source: String
  /// `where`: what a clip must say of itself to be drawn; default none.
  public var conditions: [RecipeCondition]
  /// `same`: parts of the clips' names, or columns of their list, that agree within a sample; default none.
  public var same: [String]
  /// `clips`: the least and the most clips of a sample.
  public var clips: ClosedRange<Int>
  /// `silenceMilliseconds`: the least and the most silence between two clips; default none.
  public var silenceMilliseconds: ClosedRange<Double>
  /// `samples`: how many are drawn.
  public var samples: Int
  /// `seed`: keys the draws; default 0.
  public var seed: UInt64

  /// The longest silence between two clips.
  public static let mostMilliseconds = 3_600_000.0
  /// The most clips of a sample.
  public static let mostClips = 10_000

  /// A source from its parts.
  public init(
    source: String, conditions: [RecipeCondition] = [], same: [String] = [],
    clips: ClosedRange<Int>, silenceMilliseconds: ClosedRange<Double> = 0...0, samples: Int,
    seed: UInt64 = 0
  ) {
    self.source = source
    self.conditions = conditions
    self.same = same
    self.clips = clips
    self.silenceMilliseconds = silenceMilliseconds
    self.samples = samples
    self.seed = seed
  }
}
