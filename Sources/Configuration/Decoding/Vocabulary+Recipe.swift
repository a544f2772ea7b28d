extension Vocabulary {
  /// All sections of a recipe, in the order of the documentation.
  public static let recipe: [KeySection] =
    [recipeTop, recipeSplits, sourcesSplit, derivedSplit, join, absence, extract] + sourceKinds
    + [files] + modalities + [components, soundNoise] + tokenKinds

  static let recipeTop = KeySection("recipe", ["name", "sources", "splits", "fields", "missing"])
  static let recipeSplits = KeySection("recipe splits", ["train", "validation", "test"])
  /// Beside these a split names fields.
  static let sourcesSplit = KeySection("split sources", ["skip", "limit", "where", "join"])
  static let derivedSplit = KeySection(
    "split derived",
    [
      "from", "fraction", "folds", "fold", "seed", "modulo", "remainder", "latest", "last", "of",
      "by", "limit",
    ])
  static let join = KeySection("split join", ["on", "to", "seed", "unmatched", "where"])
  static let absence = KeySection("recipe missing", ["fraction", "seed", "splits"])
  static let extract = KeySection("recipe extract", ["from", "pattern"])

  static let sourceKinds = [
    idx, csv, cifar, npy, npz, hdf5, text, corpus, images, sounds, concatenated, synthetic,
  ]
  static let idx = KeySection("source idx", ["idx"])
  static let csv = KeySection(
    "source csv",
    ["csv", "separator", "header", "columns", "comment", "trim", "missing", "extract"])
  static let cifar = KeySection("source cifar", ["cifar", "height", "width", "labelBytes"])
  static let npz = KeySection("source npz", ["npz", "array"])
  static let text = KeySection("source text", ["text", "badLines", "labels"])
  static let corpus = KeySection(
    "source corpus", ["corpus", "share", "tokens", "length", "stride", "streams", "like"])
  static let npy = KeySection("source npy", ["npy"])
  static let hdf5 = KeySection("source hdf5", ["hdf5", "dataset"])
  static let images = KeySection("source images", ["images"])
  static let sounds = KeySection("source sounds", ["sounds"])
  /// What stands behind `images` and `sounds`.
  static let files = KeySection(
    "files", ["folder", "archive", "csv", "path", "label", "within", "pattern", "badFiles"])
  static let concatenated = KeySection(
    "source concatenated",
    ["concatenated", "where", "same", "clips", "silenceMilliseconds", "samples", "seed"])
  static let synthetic = KeySection(
    "source synthetic", ["synthetic", "samples", "seed", "first", "shape", "below"])

  static let modalities = [image, sound, label, table, value, textField, ids, categories, row]
  static let image = KeySection(
    "modality image", ["modality", "shape", "resize", "crop", "normalize", "components"])
  static let sound = KeySection(
    "modality sound", ["modality", "rate", "seconds", "frames", "scale", "noise"])
  /// What stands behind `components` and `noise`.
  static let components = KeySection("components", ["energy", "count"])
  static let soundNoise = KeySection("noise", ["kind", "snr", "seed"])
  static let label = KeySection("modality label", ["modality", "classes", "strip", "mapping"])
  static let table = KeySection(
    "modality table",
    [
      "modality", "numeric", "categorical", "lists", "log", "quantile", "standardize", "missing",
      "missingCategory", "minimumCount",
    ])
  static let textField = KeySection("modality text", ["modality", "tokens", "maxLength"])
  static let ids = KeySection("modality ids", ["modality"])
  static let categories = KeySection(
    "modality categories", ["modality", "columns", "minimumCount"])
  static let row = KeySection("modality row", ["modality"])

  static let tokenKinds = [words, characters, hashedNgrams, bytePairs]
  static let words = KeySection(
    "tokens words", ["split", "lowercase", "minimumCount", "vocabulary"])
  static let characters = KeySection("tokens characters", ["minimumCount"])
  static let hashedNgrams = KeySection(
    "tokens hashedNgrams", ["n", "buckets", "split", "lowercase"])
  static let bytePairs = KeySection("tokens bytePairs", ["vocabulary", "lowercase"])
  static let value = KeySection("modality value", ["modality", "shape", "normalize", "components"])
}
