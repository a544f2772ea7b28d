import Configuration

/// Finds what contradicts itself in a recipe before anything is read.
struct RecipeCheck {
  private let recipe: RecipeConfiguration
  private var faults: [String] = []

  /// Throws unless the recipe makes sense.
  ///
  /// - Parameter recipe: the recipe.
  /// - Throws: ``PreparationError`` with `.badRecipe`, one line per fault.
  static func run(_ recipe: RecipeConfiguration) throws {
    var check = RecipeCheck(recipe: recipe)
    check.names()
    for split in recipe.splits { check.split(split) }
    check.usage()
    guard check.faults.isEmpty else {
      throw PreparationError(.badRecipe, check.faults.joined(separator: "\n"))
    }
  }

  private init(recipe: RecipeConfiguration) { self.recipe = recipe }

  private mutating func names() {
    unique("source", recipe.sources.map(\.name))
    unique("split", recipe.splits.map(\.name))
    unique("field", recipe.fields.map(\.name))
    for source in recipe.sources where !source.kind.isPossible {
      faults.append("source '\(source.name)': name at least one path, and positive sizes")
    }
    let reserved = [
      "from", "fraction", "folds", "fold", "seed", "modulo", "remainder", "latest", "last", "of",
      "by", "skip", "limit", "where", "join",
    ]
    for field in recipe.fields {
      if field.name.isEmpty || field.name.contains("/") || reserved.contains(field.name) {
        faults.append("field '\(field.name)': this name cannot be used; choose another")
      }
    }
    if recipe.fields.isEmpty { faults.append("the recipe has no fields") }
    for split in recipe.splits where !["train", "validation", "test"].contains(split.name) {
      faults.append(
        "split '\(split.name)': expected train, validation or test; rename it")
    }
    if !recipe.splits.contains(where: { $0.name == "train" }) {
      faults.append("there is no split 'train'; statistics and classes are taken from it")
    }
  }

  private mutating func unique(_ word: String, _ names: [String]) {
    var seen: Set<String> = []
    for name in names where !seen.insert(name).inserted {
      faults.append("two \(word)s are called '\(name)'; rename one")
    }
  }

  private mutating func amounts(_ split: RecipeSplit) {
    if let limit = split.limit, limit < 1 {
      faults.append("split '\(split.name)': expected a limit of at least 1, found \(limit)")
    }
    if split.skip < 0 {
      faults.append(
        "split '\(split.name)': expected to skip 0 samples or more, found \(split.skip)")
    }
  }

  private mutating func split(_ split: RecipeSplit) {
    amounts(split)
    switch split.origin {
    case .sources(let sources): references(split.name, sources)
    case .fraction(let from, let fraction, _):
      origin(split.name, from)
      if !(fraction > 0 && fraction < 1) {
        faults.append(
          "split '\(split.name)': expected a fraction between 0 and 1, found \(fraction)")
      }
    case .modulo(let from, let modulo, let remainder):
      origin(split.name, from)
      if modulo < 2 || !(0..<max(1, modulo)).contains(remainder) {
        faults.append(
          "split '\(split.name)': expected modulo >= 2 and remainder in 0..<modulo, found"
            + " remainder \(remainder) of \(modulo)")
      }
    case .latest(let from, let share, _):
      origin(split.name, from)
      if !(share > 0 && share < 1) {
        faults.append(
          "split '\(split.name)': expected a share between 0 and 1, found \(share)")
      }
    case .last(let from, let count, _, _):
      origin(split.name, from)
      if count < 1 {
        faults.append("split '\(split.name)': expected at least 1 as last, found \(count)")
      }
    case .fold(let from, let folds, let fold, _):
      origin(split.name, from)
      if folds < 2 || !(0..<max(1, folds)).contains(fold) {
        faults.append(
          "split '\(split.name)': expected folds >= 2 and fold in 0..<folds, found"
            + " fold \(fold) of \(folds)")
      }
    }
  }

  private mutating func origin(_ name: String, _ from: String) {
    if from == name || !recipe.splits.contains(where: { $0.name == from }) {
      faults.append("split '\(name)': there is no other split '\(from)' to take samples from")
    }
  }

  private mutating func references(_ name: String, _ sources: [RecipeSplit.FieldSource]) {
    for source in sources {
      if !recipe.fields.contains(where: { $0.name == source.field }) {
        faults.append("split '\(name)': there is no field '\(source.field)' under 'fields'")
      }
      if !recipe.sources.contains(where: { $0.name == source.source }) {
        faults.append("split '\(name)': there is no source '\(source.source)' under 'sources'")
      }
    }
    for field in recipe.fields where !sources.contains(where: { $0.field == field.name }) {
      faults.append("split '\(name)': no source is given for field '\(field.name)'")
    }
    for condition in recipe.splits.first(where: { $0.name == name })?.conditions ?? []
    where !sources.contains(where: { $0.source == condition.source }) {
      faults.append(
        "split '\(name)': 'where' names the source '\(condition.source)', which it does not use")
    }
    unique("source of split '\(name)'", sources.map(\.field))
  }

  private mutating func usage() {
    var used: Set<String> = []
    for split in recipe.splits {
      switch split.origin {
      case .sources(let sources): used.formUnion(sources.map(\.source))
      case .latest(_, _, let by): used.insert(by.source)
      case .last(_, _, let of, let by): used.formUnion([of.source, by.source])
      case .fraction, .fold, .modulo: break
      }
      for join in split.joins { used.formUnion([join.on.source, join.to.source]) }
    }
    for source in recipe.sources {
      if let base = source.kind.base, !recipe.sources.contains(where: { $0.name == base }) {
        faults.append("source '\(source.name)': there is no source '\(base)' to be made from")
      }
      used.formUnion([source.kind.base].compactMap { $0 })
    }
    for source in recipe.sources where !used.contains(source.name) {
      faults.append("source '\(source.name)' is not used by any split; remove it or use it")
    }
  }
}

extension RecipeSource.Kind {
  /// Whether paths and sizes can be meant.
  fileprivate var isPossible: Bool {
    switch self {
    case .glyphs(let samples, _, let first): samples > 0 && first >= 0
    case .noise(let noise):
      noise.samples > 0 && noise.first >= 0 && noise.below.map { $0 > 0 } ?? true
        && (noise.shape.checkedProduct(times: 1) ?? .max) <= NoiseSource.mostNumbers
    case .concatenated(let source): source.samples > 0 && source.clips.lowerBound > 0
    case .cifar(let paths, let height, let width, let labelBytes):
      !paths.isEmpty && height > 0 && width > 0 && height <= 16384 && width <= 16384
        && (1...16).contains(labelBytes)
    case .files(let files):
      switch files.place {
      case .folder(let path), .archive(let path), .list(let path, _, _): !path.isEmpty
      }
    default: !paths.isEmpty
    }
  }
}
