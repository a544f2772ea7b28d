extension DataConfiguration {
  /// Reads `data`.
  init(reading map: MapReader) {
    let key = map.exactlyOne(["file", "files"])
    let files =
      switch key {
      case "file": map.optional("file")?.text("a file's path").map { [$0] } ?? []
      case "files": map.optional("files")?.texts("a file's path") ?? []
      default: [String]()
      }
    self.init(
      files: files, splits: Self.groups(map.optional("splits")),
      fields: map.optional("fields")?.names("fields")?
        .map { FieldConfiguration(name: $0.name, reading: $0.value) } ?? [],
      shuffle: map.optional("shuffle")?.choice("shuffle", of: Shuffle.self),
      sampling: map.optional("sampling").flatMap(SamplingConfiguration.init(reading:)),
      split: map.optional("split").map(SplitConfiguration.init(reading:)),
      prefetch: map.optional("prefetch")?.integer(1...1024) ?? 4)
    if fields.isEmpty, map.has("fields") {
      map.fail("fields", "expected at least one field, as in {image: /scans/raw}")
    }
    if map.has("sampling"), let shuffle, shuffle != .full {
      map.fail(
        "shuffle",
        "sampling draws from the whole split; expected full beside it, or the key left out, found "
          + shuffle.rawValue)
    }
  }

  private static func groups(_ value: ValueReader?) -> [String: String] {
    var groups = ["train": "train", "validation": "validation", "test": "test"]
    guard let value else { return groups }
    let map = MapReader(value, Vocabulary.splits)
    for role in Vocabulary.splits.keys {
      if let group = map.optional(role)?.text("a group's name") { groups[role] = group }
    }
    return groups
  }
}

extension FieldConfiguration {
  /// Reads a dataset's path, or a map with its options.
  init(name: String, reading value: ValueReader) {
    if case .scalar = value.node.content {
      self.init(
        name: name, dataset: value.text("a dataset's path") ?? "", kind: nil, mean: nil, std: nil,
        classes: nil)
      return
    }
    let map = MapReader(value, Vocabulary.field)
    self.init(
      name: name, dataset: map.required("dataset")?.text("a dataset's path") ?? "",
      kind: map.optional("kind")?.choice("kind", of: Kind.self),
      mean: map.optional("mean")?.numbers(.any), std: map.optional("std")?.numbers(.positive),
      classes: map.optional("classes")?.size(from: 1))
    for key in ["mean", "std"] where map.has(key) && kind != nil && kind != .value {
      map.fail(key, "only a field of kind value has it, found kind \(kind?.rawValue ?? "")")
    }
    if let kind, kind != .label, map.has("classes") {
      map.fail("classes", "only a field of kind label has it, found kind \(kind.rawValue)")
    }
    if let mean, let std, mean.count != std.count, mean.count > 1, std.count > 1 {
      map.fail("std", "expected as many numbers as mean, \(mean.count), found \(std.count)")
    }
  }
}

extension SplitConfiguration {
  init(reading value: ValueReader) {
    let map = MapReader(value, Vocabulary.split)
    let before = value.problems.count
    self.init(
      validation: map.optional("validation")?.number(.share) ?? 0,
      test: map.optional("test")?.number(.share) ?? 0,
      fold: map.optional("fold")?.size(from: 0), folds: map.optional("folds")?.size(from: 2),
      seed: map.optional("seed")?.seed() ?? 0)
    guard value.problems.count == before else { return }
    if map.has("fold") != map.has("folds") {
      value.fail("expected fold and folds together, found only one of them")
    } else if let fold, let folds, fold >= folds {
      map.fail("fold", "expected a whole number in 0 ..< \(folds), found \(fold)")
    } else if folds != nil, map.has("validation") || map.has("test") {
      value.fail("expected either fold and folds or shares of validation and test, found both")
    } else if folds == nil, validation == 0, test == 0 {
      value.fail("expected a share above 0 for validation or test, or fold and folds")
    } else if validation + test >= 1 {
      value.fail("expected validation and test below 1 together, found \(validation + test)")
    }
  }
}
