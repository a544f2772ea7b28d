/// What a preparation is doing, for a progress display.
public enum PreparationProgress: Sendable, Equatable {
  /// A source is read and decoded.
  case reading(source: String)
  /// A field's sources are checked and measured.
  case measuring(field: String)
  /// Samples of a field have been written, so many of so many.
  case writing(split: String, field: String, samples: Int, of: Int)
}

/// What a preparation did.
public struct PreparationSummary: Sendable, Equatable {
  /// Whether a file was written.
  public enum Outcome: String, Sendable, Equatable {
    /// A new file stands under the output's name.
    case written
    /// The existing file was made of the same recipe and sources, and was left as it is.
    case unchanged
  }

  /// One split and its number of samples.
  public struct Split: Sendable, Equatable {
    /// The split's name.
    public let name: String
    /// S.
    public let samples: Int
  }

  /// One field as stored.
  public struct Field: Sendable, Equatable {
    /// The field's name.
    public let name: String
    /// `image`, `sound`, `label`, `table` or `value`.
    public let modality: String
    /// `uint8`, `int16`, `int64` or `float32`.
    public let element: String
    /// The extents of one sample; of one step where samples differ in length.
    public let sampleShape: [Int]
    /// Whether samples differ in length.
    public let isRagged: Bool
    /// Stored means over the training split, in stored units; empty where there are none.
    public let mean: [Double]
    /// Stored standard deviations over the training split, in stored units.
    public let std: [Double]
  }

  /// How often each class occurs.
  public struct LabelCounts: Sendable, Equatable {
    /// The label field.
    public let field: String
    /// The split.
    public let split: String
    /// The names of the classes.
    public let classes: [String]
    /// Samples of each class.
    public let counts: [Int]
  }

  /// One source file.
  public struct Source: Sendable, Equatable {
    /// The path in the recipe.
    public let path: String
    /// The SHA-256 of the file; of a folder's or a list's files, that over their paths and digests.
    public let digest: String
  }

  /// A file whose sample was left out.
  public struct BadFile: Sendable, Equatable {
    /// The source.
    public let source: String
    /// The file, below the source's folder or archive.
    public let path: String
    /// What is wrong with it.
    public let reason: String
  }

  /// Whether a file was written.
  public let outcome: Outcome
  /// The sample file.
  public let output: String
  /// The root digest of the sample file; empty on ranks other than 0.
  public let digest: String
  /// The splits; empty where nothing was done.
  public let splits: [Split]
  /// The fields; empty where nothing was done.
  public let fields: [Field]
  /// Classes of every label field in every split; empty where nothing was done.
  public let labels: [LabelCounts]
  /// The source files.
  public let sources: [Source]
  /// Files of pictures and sounds that were left out.
  public let badFiles: [BadFile]
  /// What a person should know: columns left out, values missing, categories never seen.
  public let notes: [String]
  /// Whether any sample was drawn rather than measured.
  public let isSynthetic: Bool
}
