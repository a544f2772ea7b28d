import Buffers
import Configuration

/// What decides the bytes of a sample file: the recipe, the sources, and this room's rules.
enum RecipeIdentity {
  /// Raised whenever equal recipes and sources begin to give other bytes.
  static let rules = 1

  /// The SHA-256 over everything that decides the samples.
  static func digest(
    _ recipe: RecipeConfiguration, _ sources: [PreparationSummary.Source]
  ) -> String {
    var hash = SHA256()
    hash.update("aimass preparation \(rules)\n")
    for line in lines(recipe) + sources.map({ "file \(quote($0.path)) \($0.digest)" }) {
      hash.update(line + "\n")
    }
    return hash.hexadecimal()
  }

  /// The recipe, one line per part; texts are quoted so that no two recipes look alike.
  static func lines(_ recipe: RecipeConfiguration) -> [String] {
    ["recipe \(quote(recipe.name))"]
      + recipe.sources.map { "source \(quote($0.name)) \(text($0.kind))" }
      + recipe.splits.map {
        "split \(quote($0.name)) \(text($0.origin)) limit \($0.limit.map(String.init) ?? "none")"
          + text($0.conditions)
      }
      + recipe.fields.map { "field \(quote($0.name)) \(text($0.modality))" }
  }

  static func quote(_ text: String) -> String { text.debugDescription }

  static func quote(_ texts: [String]) -> String {
    "[" + texts.map(quote).joined(separator: ",") + "]"
  }

  private static func text(_ kind: RecipeSource.Kind) -> String {
    switch kind {
    case .idx(let paths): return "idx \(quote(paths))"
    case .npy(let paths): return "npy \(quote(paths))"
    case .hdf5(let paths, let dataset): return "hdf5 \(quote(paths)) \(quote(dataset))"
    case .cifar(let paths, let height, let width, let labelBytes):
      return "cifar \(quote(paths)) \(height) \(width) \(labelBytes)"
    case .files(let files): return text(files)
    case .glyphs(let samples, let seed, let first): return "glyphs \(samples) \(seed) \(first)"
    case .csv(let paths, let options):
      return "csv \(quote(paths)) \(quote(options.separator)) \(options.header)"
        + " \(quote(options.columns)) \(options.comment.map { quote($0) } ?? "none")"
        + " \(options.trim) \(quote(options.missing))"
    }
  }

  private static func text(_ origin: RecipeSplit.Origin) -> String {
    switch origin {
    case .sources(let sources):
      return "sources "
        + sources.map { quote([$0.field, $0.source] + ($0.part.map { [$0] } ?? [])) }.joined()
    case .fraction(let from, let fraction, let seed):
      return "fraction \(quote(from)) \(fraction) \(seed)"
    case .fold(let from, let folds, let fold, let seed):
      return "fold \(quote(from)) \(folds) \(fold) \(seed)"
    }
  }

  private static func text(_ modality: RecipeField.Modality) -> String {
    switch modality {
    case .image(let field):
      return "image \(field.shape ?? []) \(field.resize ?? []) \(field.normalize)"
        + (field.crop.map { " \($0.rawValue)" } ?? "")
    case .sound(let field):
      return "sound \(field.rate.map(String.init) ?? "files") \(text(field.length)) \(field.scale)"
    case .label(let field):
      let mapping = field.mapping.map { quote([$0.text, $0.className]) }.joined()
      return "label \(quote(field.classes)) \(quote(field.strip)) \(mapping)"
    case .value(let shape, let normalize):
      return "value \(shape.map { "\($0)" } ?? "source") \(normalize)"
    case .table(let field):
      return "table \(field.numeric.map { quote($0) } ?? "all") \(quote(field.categorical))"
        + " \(quote(field.log)) \(field.standardize) \(field.missing?.rawValue ?? "none")"
        + " \(field.missingCategory.rawValue)"
    }
  }
}
