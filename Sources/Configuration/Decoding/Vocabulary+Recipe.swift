extension Vocabulary {
  /// All sections of a recipe, in the order of the documentation.
  public static let recipe: [KeySection] =
    [recipeTop, recipeSplits, sourcesSplit, derivedSplit] + sourceKinds + [files] + modalities

  static let recipeTop = KeySection("recipe", ["name", "sources", "splits", "fields"])
  static let recipeSplits = KeySection("recipe splits", ["train", "validation", "test"])
  /// Beside these a split names fields.
  static let sourcesSplit = KeySection("split sources", ["limit", "where"])
  static let derivedSplit = KeySection(
    "split derived", ["from", "fraction", "folds", "fold", "seed", "limit"])

  static let sourceKinds = [idx, csv, cifar, npy, hdf5, images, sounds, synthetic]
  static let laterSourceKinds = ["text"]
  static let idx = KeySection("source idx", ["idx"])
  static let csv = KeySection(
    "source csv", ["csv", "separator", "header", "columns", "comment", "trim", "missing"])
  static let cifar = KeySection("source cifar", ["cifar", "height", "width", "labelBytes"])
  static let npy = KeySection("source npy", ["npy"])
  static let hdf5 = KeySection("source hdf5", ["hdf5", "dataset"])
  static let images = KeySection("source images", ["images"])
  static let sounds = KeySection("source sounds", ["sounds"])
  /// What stands behind `images` and `sounds`.
  static let files = KeySection(
    "files", ["folder", "archive", "csv", "path", "label", "within", "pattern", "badFiles"])
  static let synthetic = KeySection("source synthetic", ["synthetic", "samples", "seed", "first"])

  static let modalities = [image, sound, label, table, value]
  static let laterModalities = ["text", "ids"]
  static let image = KeySection(
    "modality image", ["modality", "shape", "resize", "crop", "normalize"])
  static let sound = KeySection(
    "modality sound", ["modality", "rate", "seconds", "frames", "scale"])
  static let label = KeySection("modality label", ["modality", "classes", "strip", "mapping"])
  static let table = KeySection(
    "modality table",
    ["modality", "numeric", "categorical", "log", "standardize", "missing", "missingCategory"])
  static let value = KeySection("modality value", ["modality", "shape", "normalize"])
}
