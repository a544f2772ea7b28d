/// How raw files become one sample file, as read from a recipe with defaults filled in.
public struct RecipeConfiguration: Sendable, Equatable {
  /// Names the dataset; stored in the sample file.
  public var name: String
  /// The raw material, in the order of the file, with unique names.
  public var sources: [RecipeSource]
  /// The splits, in the order of the file, with unique names out of `train`, `validation`, `test`.
  public var splits: [RecipeSplit]
  /// The fields of a sample, in the order of the file, with unique names.
  public var fields: [RecipeField]
  /// Fields that are taken from some samples for an experiment; default none.
  public var missing: [RecipeAbsence]

  /// A recipe from its parts.
  public init(
    name: String, sources: [RecipeSource], splits: [RecipeSplit], fields: [RecipeField],
    missing: [RecipeAbsence] = []
  ) {
    self.missing = missing
    self.name = name
    self.sources = sources
    self.splits = splits
    self.fields = fields
  }
}

/// Raw material under a name: `NAME: {KIND: path or [paths], options…}`.
///
/// Several paths are read one after the other, as if they were one file.
public struct RecipeSource: Sendable, Equatable {
  /// The key under `sources`.
  public var name: String
  /// What it is, and where.
  public var kind: Kind

  /// A source from its parts.
  public init(name: String, kind: Kind) {
    self.name = name
    self.kind = kind
  }

  /// The kinds of raw material; paths are relative to the root folder of the preparation.
  public enum Kind: Sendable, Equatable {
    /// `{idx: paths}`: arrays of the MNIST kind, gzip or not.
    case idx(paths: [String])
    /// `{csv: paths, …}`: text tables, gzip or not.
    case csv(paths: [String], options: CSVOptions)
    /// `{cifar: paths, height: 32, width: 32}`: records of a label byte and three planes, gzip or not.
    ///
    /// `labelBytes` (default 1) is 2 for CIFAR-100, whose last label byte is the fine label.
    case cifar(paths: [String], height: Int, width: Int, labelBytes: Int)
    /// `{npy: paths}`: NumPy arrays.
    case npy(paths: [String])
    /// `{hdf5: paths, dataset: PATH}`: one dataset of HDF5 files.
    case hdf5(paths: [String], dataset: String)
    /// `{images: …}` and `{sounds: …}`: one file per sample.
    case files(FileCollection)
    /// `{synthetic: glyphs, samples: S, seed: 0, first: 0}`: drawn samples `first ..< first + S`.
    case glyphs(samples: Int, seed: UInt64, first: Int)
    /// `{synthetic: noise, samples: S, shape: [N, …], …}`: drawn samples of random numbers.
    case noise(NoiseSource)
    /// `{text: paths, badLines: skip, labels: false}`: one document a line, gzip or not.
    ///
    /// With `labels` a line is a label, one blank and the text.
    case text(paths: [String], badLines: BadLines, labels: Bool)
    /// `{corpus: paths, …}`: one long text in windows.
    case corpus(CorpusSource)
    /// `{npz: paths, array: NAME}`: one array of NumPy archives.
    case npz(paths: [String], array: String)
    /// `{concatenated: SOURCE, …}`: sounds made of the clips of another source.
    case concatenated(ConcatenatedSource)
  }

  /// How a text table is written.
  public struct CSVOptions: Sendable, Equatable {
    /// `separator`: one ASCII character between fields; default a comma.
    public var separator: String
    /// `header`: whether the first line that is no comment names the columns; default true.
    public var header: Bool
    /// `columns`: names of the columns, for files without a header (or replacing it).
    public var columns: [String]
    /// `comment`: lines that begin with this are skipped; nil: none.
    public var comment: String?
    /// `trim`: whether blanks around unquoted fields are removed; default true.
    public var trim: Bool
    /// `missing`: texts that mean "no value", as `["?", ""]`; default none.
    public var missing: [String]
    /// `extract`: further columns, each the part of another one that a pattern finds; default none.
    public var extract: [Extract]

    /// One further column: `NAME: {from: COLUMN, pattern: '…'}`.
    public struct Extract: Sendable, Equatable {
      /// The new column's name.
      public var name: String
      /// The column that is searched.
      public var from: String
      /// A regular expression; its first group, or else the whole match, is the value.
      public var pattern: String

      /// A column from its parts.
      public init(name: String, from: String, pattern: String) {
        self.name = name
        self.from = from
        self.pattern = pattern
      }
    }

    /// Options, each with its default.
    public init(
      separator: String = ",", header: Bool = true, columns: [String] = [], comment: String? = nil,
      trim: Bool = true, missing: [String] = [], extract: [Extract] = []
    ) {
      self.extract = extract
      self.separator = separator
      self.header = header
      self.columns = columns
      self.comment = comment
      self.trim = trim
      self.missing = missing
    }
  }
}

/// One split of the sample file.
///
/// Written as `NAME: {FIELD: source, …, where: …, skip: n, limit: n}`, as `NAME: {from: train, fraction: 0.1, seed: 1}`
/// or with other rules beside `from`. The words of these rules, `skip`, `limit`, `where` and `join` can
/// therefore not name fields.
public struct RecipeSplit: Sendable, Equatable {
  /// The key under `splits`: `train`, `validation` or `test`.
  public var name: String
  /// Where its samples come from.
  public var origin: Origin
  /// `skip`: so many samples of a split with sources are passed over before the first; default 0.
  public var skip: Int
  /// `limit`: only the first so many samples are kept; nil: all.
  public var limit: Int?
  /// `where`: what the rows of a split with sources must say of themselves to be kept; all of it.
  public var conditions: [RecipeCondition]
  /// `join`: sources whose rows are found by a key, for splits with sources only; default none.
  public var joins: [RecipeJoin]

  /// A split from its parts.
  public init(
    name: String, origin: Origin, skip: Int = 0, limit: Int? = nil,
    conditions: [RecipeCondition] = [], joins: [RecipeJoin] = []
  ) {
    self.skip = skip
    self.joins = joins
    self.name = name
    self.origin = origin
    self.limit = limit
    self.conditions = conditions
  }

  /// Where samples come from.
  public enum Origin: Sendable, Equatable {
    /// For each field a source, as `NAME` or `NAME.part`.
    ///
    /// Parts: a column of a table; `image` or `label` of records; `image`, `sound`, `table` or `label`
    /// of glyphs; a part of the names of files.
    case sources([FieldSource])
    /// Samples taken out of another split, each with probability `fraction`, by a hash of its number.
    case fraction(from: String, fraction: Double, seed: UInt64)
    /// Samples taken out of another split: those of fold `fold` of `folds`, by a hash of the number.
    case fold(from: String, folds: Int, fold: Int, seed: UInt64)
    /// The samples whose number, divided by `modulo`, leaves `remainder`.
    case modulo(from: String, modulo: Int, remainder: Int)
    /// The share `latest` of the samples that has the greatest `by`, a source or part with a number.
    case latest(from: String, share: Double, by: FieldSource)
    /// The `last` samples, by `by`, of each group that has an equal `of`, as the user of a rating.
    case last(from: String, count: Int, of: FieldSource, by: FieldSource)
  }

  /// Where one field of a split comes from.
  public struct FieldSource: Sendable, Equatable {
    /// The field.
    public var field: String
    /// The source.
    public var source: String
    /// The part of the source after the first dot, if any.
    public var part: String?

    /// A reference from its parts.
    public init(field: String, source: String, part: String? = nil) {
      self.field = field
      self.source = source
      self.part = part
    }

    /// A reference from its text, `NAME` or `NAME.part`.
    public init(field: String, reference: String) {
      self.field = field
      let halves = reference.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
      source = String(halves[0])
      part = halves.count > 1 ? String(halves[1]) : nil
    }
  }
}

/// One field of a sample: `NAME: {modality: image|sound|label|table|value|…, …}`.
public struct RecipeField: Sendable, Equatable {
  /// The key under `fields`, and the dataset's name in the sample file.
  public var name: String
  /// What it is and how it is made.
  public var modality: Modality

  /// A field from its parts.
  public init(name: String, modality: Modality) {
    self.name = name
    self.modality = modality
  }

  /// The kinds of field.
  public enum Modality: Sendable, Equatable {
    /// uint8 `[S, H, W, C]`.
    case image(ImageField)
    /// float32 or int16 `[S, T]`, or ragged.
    case sound(SoundField)
    /// int64 `[S]`.
    case label(LabelField)
    /// float32 `[S, F]`.
    case table(TableField)
    /// float32 `[S, …]`, numbers as they are.
    ///
    /// `shape` is that of one sample; nil: the source's. `normalize` (default false) stores the
    /// training split's mean and standard deviation over all numbers as attributes. `components`
    /// (default none) keeps the leading principal components.
    case value(shape: [Int]?, normalize: Bool, components: ComponentChoice? = nil)
    /// int64 `[steps]`: ids of the tokens of a text, samples of unequal length.
    case text(TextField)
    /// int64 `[S, …]`: ids that a corpus makes, or whole numbers as they are.
    case ids
    /// int64 `[S, K]`, or `[S]` where the source is one column.
    case categories(CategoriesField)
    /// int64 `[S]`: the row of the source that the sample was made of.
    case row
  }
}

/// An image: `{modality: image, shape: [H, W, C], resize: [h, w], crop: center, normalize: true, …}`.
public struct ImageField: Sendable, Equatable {
  /// `shape`: the source's height, width and channels; nil: as the source says.
  public var shape: [Int]?
  /// `resize`: the stored height and width; nil: those of the source.
  public var resize: [Int]?
  /// `crop`: what is cut out of pictures from files that have another aspect; nil: nothing.
  public var crop: Crop?
  /// `normalize`: whether mean and standard deviation of each channel over the training split are
  /// stored for the reader to apply; default true.
  public var normalize: Bool
  /// `components`: the principal components of the training split that are kept; nil: everything.
  public var components: ComponentChoice?

  /// What is cut out of a picture.
  public enum Crop: String, Sendable, Equatable, CaseIterable {
    /// The middle.
    case center
  }

  /// An image field, each option with its default.
  public init(
    shape: [Int]? = nil, resize: [Int]? = nil, crop: Crop? = nil, normalize: Bool = true,
    components: ComponentChoice? = nil
  ) {
    self.components = components
    self.shape = shape
    self.resize = resize
    self.crop = crop
    self.normalize = normalize
  }
}

/// A label: `{modality: label, classes: […], strip: ".", mapping: {text: class}}`.
public struct LabelField: Sendable, Equatable {
  /// `classes`: names in the order of their numbers; empty: inferred from the training split.
  ///
  /// Inferred from text: the distinct labels in byte order; from integers: `0 ... maximum`.
  public var classes: [String]
  /// `strip`: characters removed from the end of a text label; default none.
  public var strip: String
  /// `mapping`: texts of the source to class names, applied after `strip`, in the order of the file.
  public var mapping: [Pair]

  /// One line of the mapping.
  public struct Pair: Sendable, Equatable {
    /// The label's text in the source.
    public var text: String
    /// The class it means.
    public var className: String

    /// A line from its parts.
    public init(text: String, className: String) {
      self.text = text
      self.className = className
    }
  }

  /// A label field, each option with its default.
  public init(classes: [String] = [], strip: String = "", mapping: [Pair] = []) {
    self.classes = classes
    self.strip = strip
    self.mapping = mapping
  }
}

/// A table: `{modality: table, numeric: […], categorical: […], log: […], missing: …}`.
public struct TableField: Sendable, Equatable {
  /// `numeric`: columns that are standardised by the training split; nil with no `categorical`:
  /// every column of a numeric source.
  public var numeric: [String]?
  /// `categorical`: columns that become one 0/1 column per category of the training split.
  public var categorical: [String]
  /// `log`: numeric columns replaced by log(1 + x) first; every value must be above -1.
  public var log: [String]
  /// `standardize`: whether numeric columns are standardised; default true.
  public var standardize: Bool
  /// `missing`: what a missing number becomes; nil: an indicator, and NaN is an error.
  public var missing: MissingNumber?
  /// `missingCategory`: what a missing category becomes; default `category`.
  public var missingCategory: MissingCategory
  /// `quantile`: numeric columns replaced by the normal quantile of their rank among the training
  /// values, which are not standardised; default none.
  public var quantile: [String]
  /// `minimumCount`: categories the training split has fewer times have no column; default 1.
  public var minimumCount: Int
  /// `lists`: columns that hold several categories, with the text between them, in the file's order.
  public var lists: [List]

  /// A column of several categories: `NAME: "|"`.
  public struct List: Sendable, Equatable {
    /// The column.
    public var column: String
    /// What stands between two categories.
    public var separator: String

    /// A column from its parts.
    public init(column: String, separator: String) {
      self.column = column
      self.separator = separator
    }
  }

  /// What a missing number becomes; where written in the recipe, NaN counts as missing too.
  public enum MissingNumber: String, Sendable, Equatable, CaseIterable {
    /// The mean, and one more 0/1 column `NAME.missing` where the training split misses any.
    case indicator
    /// The mean.
    case mean
    /// An error.
    case error
  }

  /// What a missing category becomes.
  public enum MissingCategory: String, Sendable, Equatable, CaseIterable {
    /// A category of its own, where the training split misses any.
    case category
    /// Zeros in all columns of the vocabulary.
    case zeros
    /// An error.
    case error
  }

  /// A table field, each option with its default.
  public init(
    numeric: [String]? = nil, categorical: [String] = [], log: [String] = [],
    standardize: Bool = true, missing: MissingNumber? = nil,
    missingCategory: MissingCategory = .category, quantile: [String] = [],
    minimumCount: Int = 1, lists: [List] = []
  ) {
    self.quantile = quantile
    self.minimumCount = minimumCount
    self.lists = lists
    self.numeric = numeric
    self.categorical = categorical
    self.log = log
    self.standardize = standardize
    self.missing = missing
    self.missingCategory = missingCategory
  }
}
