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
          + ($0.skip == 0 ? "" : " skip \($0.skip)")
          + text($0.conditions) + $0.joins.map(text).joined()
      }
      + recipe.fields.map { "field \(quote($0.name)) \(text($0.modality))" }
      + recipe.missing.map {
        "missing \(quote($0.field)) \($0.fraction) \($0.seed) \(quote($0.splits))"
      }
  }

  private static func text(_ join: RecipeJoin) -> String {
    " join \(quote(join.source)) on \(text(join.on)) to \(text(join.to))"
      + " \(join.seed.map(String.init) ?? "none") \(join.unmatched.rawValue)"
      + text(join.conditions)
  }

  private static func text(_ reference: RecipeSplit.FieldSource) -> String {
    quote([reference.source] + (reference.part.map { [$0] } ?? []))
  }

  private static func text(_ tokens: TokenConfiguration) -> String {
    switch tokens {
    case .words(let options): "words \(text(options))"
    case .characters(let minimumCount): "characters \(minimumCount)"
    case .hashedNgrams(let n, let buckets, let options):
      "hashedNgrams \(n) \(buckets) \(text(options))"
    case .bytePairs(let vocabulary, let lowercase): "bytePairs \(vocabulary) \(lowercase)"
    }
  }

  private static func text(_ options: TokenConfiguration.WordOptions) -> String {
    "\(options.split.rawValue) \(options.lowercase) \(options.minimumCount)"
      + " \(options.vocabulary.map(String.init) ?? "none")"
  }

  static func quote(_ text: String) -> String { text.debugDescription }

  static func quote(_ texts: [String]) -> String {
    "[" + texts.map(quote).joined(separator: ",") + "]"
  }

  private static func text(_ kind: RecipeSource.Kind) -> String {
    switch kind {
    case .idx(let paths): return "idx \(quote(paths))"
    case .npy(let paths): return "npy \(quote(paths))"
    // What attributes say of the numbers counts since fields are read.
    case .hdf5(let paths, let dataset): return "hdf5 field \(quote(paths)) \(quote(dataset))"
    case .cifar(let paths, let height, let width, let labelBytes):
      return "cifar \(quote(paths)) \(height) \(width) \(labelBytes)"
    case .files(let files): return text(files)
    case .glyphs(let samples, let seed, let first): return "glyphs \(samples) \(seed) \(first)"
    case .noise(let noise):
      return
        "noise \(noise.samples) \(noise.seed) \(noise.first) \(noise.shape) \(noise.below ?? 0)"
    case .csv(let paths, let options):
      return "csv \(quote(paths)) \(quote(options.separator)) \(options.header)"
        + " \(quote(options.columns)) \(options.comment.map { quote($0) } ?? "none")"
        + " \(options.trim) \(quote(options.missing))"
        + options.extract.map { quote([$0.name, $0.from, $0.pattern]) }.joined()
    case .concatenated(let source): return text(source)
    case .npz(let paths, let array): return "npz \(quote(paths)) \(quote(array))"
    case .text(let paths, let badLines, let labels):
      return "text \(quote(paths)) \(badLines.rawValue) \(labels)"
    case .corpus(let source):
      return "corpus \(quote(source.paths)) \(source.share) \(text(source.tokens))"
        + " \(source.length) \(source.stride) \(source.streams)"
        // Files of earlier versions do not say how many streams they have.
        + (source.streams > 0 ? " told" : "")
        + " \(source.like.map { quote($0) } ?? "none")"
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
    case .modulo(let from, let modulo, let remainder):
      return "modulo \(quote(from)) \(modulo) \(remainder)"
    case .latest(let from, let share, let by):
      return "latest \(quote(from)) \(share) \(text(by))"
    case .last(let from, let count, let of, let by):
      return "last \(quote(from)) \(count) \(text(of)) \(text(by))"
    }
  }

  private static func text(_ modality: RecipeField.Modality) -> String {
    switch modality {
    case .image(let field):
      return "image \(field.shape ?? []) \(field.resize ?? []) \(field.normalize)"
        + (field.crop.map { " \($0.rawValue)" } ?? "") + text(field.components)
    case .sound(let field):
      return "sound \(field.rate.map(String.init) ?? "files") \(text(field.length)) \(field.scale)"
        + text(field.noise)
    case .label(let field):
      let mapping = field.mapping.map { quote([$0.text, $0.className]) }.joined()
      return "label \(quote(field.classes)) \(quote(field.strip)) \(mapping)"
    case .value(let shape, let normalize, let components):
      return "value \(shape.map { "\($0)" } ?? "source") \(normalize)" + text(components)
    case .table(let field):
      return "table \(field.numeric.map { quote($0) } ?? "all") \(quote(field.categorical))"
        + " \(quote(field.log)) \(field.standardize) \(field.missing?.rawValue ?? "none")"
        + " \(field.missingCategory.rawValue) \(quote(field.quantile)) \(field.minimumCount)"
        + field.lists.map { quote([$0.column, $0.separator]) }.joined()
    case .text(let field):
      return "text \(text(field.tokens)) \(field.maxLength.map(String.init) ?? "none")"
    case .ids: return "ids"
    case .categories(let field):
      return "categories \(quote(field.columns)) \(field.minimumCount)"
    case .row: return "row"
    }
  }
}
