extension Vocabulary {
  /// All sections of a recipe, in the order of the documentation.
  public static let recipe: [KeySection] =
    [recipeTop, recipeSplits, sourcesSplit, derivedSplit] + sourceKinds + modalities

  static let recipeTop = KeySection("recipe", ["name", "sources", "splits", "fields"])
  static let recipeSplits = KeySection("recipe splits", ["train", "validation", "test"])
  /// Beside these a split names fields.
  static let sourcesSplit = KeySection("split sources", ["limit"])
  static let derivedSplit = KeySection(
    "split derived", ["from", "fraction", "folds", "fold", "seed", "limit"])

  static let sourceKinds = [idx, csv, cifar, npy, hdf5, synthetic]
  static let laterSourceKinds = ["wav", "png", "jpeg", "tar", "text", "images", "archive"]
  static let idx = KeySection("source idx", ["idx"])
  static let csv = KeySection(
    "source csv", ["csv", "separator", "header", "columns", "comment", "trim", "missing"])
  static let cifar = KeySection("source cifar", ["cifar", "height", "width", "labelBytes"])
  static let npy = KeySection("source npy", ["npy"])
  static let hdf5 = KeySection("source hdf5", ["hdf5", "dataset"])
  static let synthetic = KeySection("source synthetic", ["synthetic", "samples", "seed", "first"])

  static let modalities = [image, label, table, value]
  static let laterModalities = ["sound", "text", "ids"]
  static let image = KeySection("modality image", ["modality", "shape", "resize", "normalize"])
  static let label = KeySection("modality label", ["modality", "classes", "strip", "mapping"])
  static let table = KeySection(
    "modality table",
    ["modality", "numeric", "categorical", "log", "standardize", "missing", "missingCategory"])
  static let value = KeySection("modality value", ["modality", "shape", "normalize"])
}
