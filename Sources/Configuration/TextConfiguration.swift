/// How text becomes numbers: `words`, or `{words: {lowercase: true, …}}`.
public enum TokenConfiguration: Sendable, Equatable {
  /// Runs of letters, digits and marks, and each other character by itself.
  case words(WordOptions)
  /// Unicode scalars; the vocabulary is in the order of their bytes.
  case characters(minimumCount: Int)
  /// Runs of 1 to `n` words, each a number below `buckets` by a hash of its bytes.
  case hashedNgrams(n: Int, buckets: Int, WordOptions)
  /// Pieces of words that are frequent in the training split (Sennrich, Haddow and Birch 2016), over
  /// bytes: ids 0 to 255 are bytes, the others pairs in the order in which they were found.
  case bytePairs(vocabulary: Int, lowercase: Bool)

  /// How words are found, and which have an id.
  public struct WordOptions: Sendable, Equatable {
    /// `split`: where words end; default `punctuation`.
    public var split: WordSplit
    /// `lowercase`: whether capital letters become small ones; default false.
    public var lowercase: Bool
    /// `minimumCount`: words the training split has fewer times are unknown; default 1.
    public var minimumCount: Int
    /// `vocabulary`: the most ids, the unknown word's among them; nil: no bound.
    public var vocabulary: Int?

    /// Options, each with its default.
    public init(
      split: WordSplit = .punctuation, lowercase: Bool = false, minimumCount: Int = 1,
      vocabulary: Int? = nil
    ) {
      self.split = split
      self.lowercase = lowercase
      self.minimumCount = minimumCount
      self.vocabulary = vocabulary
    }
  }

  /// Where words end.
  public enum WordSplit: String, Sendable, Equatable, CaseIterable {
    /// At blanks, and around every character that is no letter, digit, mark or underscore.
    case punctuation
    /// At blanks only.
    case blanks
  }
}

/// A text: `{modality: text, tokens: words, maxLength: 256}`; stored as ids, samples of unequal length.
public struct TextField: Sendable, Equatable {
  /// `tokens`: how text becomes numbers; default `words`.
  public var tokens: TokenConfiguration
  /// `maxLength`: only the first so many ids of a text are kept; nil: all.
  public var maxLength: Int?

  /// A text field, each option with its default.
  public init(tokens: TokenConfiguration = .words(.init()), maxLength: Int? = nil) {
    self.tokens = tokens
    self.maxLength = maxLength
  }
}

/// What becomes of a line that is not UTF-8.
public enum BadLines: String, Sendable, Equatable, CaseIterable {
  /// It is left out, counted and named.
  case skip
  /// It is an error.
  case fail
}

/// One long text, cut into windows: `{corpus: paths, share: [0, 0.9], tokens: characters, …}`.
public struct CorpusSource: Sendable, Equatable {
  /// The files, read one after the other.
  public var paths: [String]
  /// `share`: from which to which share of the characters; default [0, 1].
  public var share: [Double]
  /// `tokens`: how text becomes numbers; default `characters`.
  public var tokens: TokenConfiguration
  /// `length`: T, ids in a window.
  public var length: Int
  /// `stride`: ids from one window to the next; default T.
  public var stride: Int
  /// `streams`: B, where window k of stream b is sample k·B + b; 0: one window after the other.
  public var streams: Int
  /// `like`: another corpus, whose tokens, vocabulary, length and stride are used.
  public var like: String?

  /// A corpus, each option with its default.
  public init(
    paths: [String], share: [Double] = [0, 1],
    tokens: TokenConfiguration = .characters(minimumCount: 1),
    length: Int = 64, stride: Int? = nil, streams: Int = 0, like: String? = nil
  ) {
    self.paths = paths
    self.share = share
    self.tokens = tokens
    self.length = length
    self.stride = stride ?? length
    self.streams = streams
    self.like = like
  }
}

/// Categories as ids: `{modality: categories, columns: […], minimumCount: 1}`.
public struct CategoriesField: Sendable, Equatable {
  /// `columns`: K columns of a table; empty: the one column that is the source.
  public var columns: [String]
  /// `minimumCount`: values the training split has fewer times are unknown; default 1.
  public var minimumCount: Int

  /// A field, each option with its default.
  public init(columns: [String] = [], minimumCount: Int = 1) {
    self.columns = columns
    self.minimumCount = minimumCount
  }
}

/// How rows of a source are found for a split's samples: `join: {SOURCE: {on: …, to: …}}`.
public struct RecipeJoin: Sendable, Equatable {
  /// The source whose rows are looked up.
  public var source: String
  /// `on`: a source or part that has a key for each sample.
  public var on: RecipeSplit.FieldSource
  /// `to`: the part of the source, or a source beside it, that has a key for each of its rows.
  public var to: RecipeSplit.FieldSource
  /// `seed`: where several rows have a key, one is drawn for each sample; nil: that is an error.
  public var seed: UInt64?
  /// `unmatched`: what becomes of a sample without a row; default `keep`.
  public var unmatched: Unmatched
  /// `where`: what rows of the source must say of themselves to be found; default nothing.
  public var conditions: [RecipeCondition]

  /// What becomes of a sample whose key no row has.
  public enum Unmatched: String, Sendable, Equatable, CaseIterable {
    /// It lacks the fields that come from the source.
    case keep
    /// It is left out.
    case drop
    /// It is an error.
    case fail
  }

  /// A join from its parts.
  public init(
    source: String, on: RecipeSplit.FieldSource, to: RecipeSplit.FieldSource, seed: UInt64? = nil,
    unmatched: Unmatched = .keep, conditions: [RecipeCondition] = []
  ) {
    self.conditions = conditions
    self.source = source
    self.on = on
    self.to = to
    self.seed = seed
    self.unmatched = unmatched
  }
}

/// Fields taken away for an experiment: `missing: {FIELD: {fraction: 0.3, seed: 1}}`.
public struct RecipeAbsence: Sendable, Equatable {
  /// The field that some samples shall lack.
  public var field: String
  /// `fraction`: with which probability a sample lacks it.
  public var fraction: Double
  /// `seed`: which samples do.
  public var seed: UInt64
  /// `splits`: where; default all.
  public var splits: [String]

  /// An absence from its parts.
  public init(field: String, fraction: Double, seed: UInt64 = 0, splits: [String] = []) {
    self.field = field
    self.fraction = fraction
    self.seed = seed
    self.splits = splits
  }
}
