import Configuration

extension RecipeIdentity {
  /// A collection of files.
  static func text(_ files: FileCollection) -> String {
    let place =
      switch files.place {
      case .folder(let path): "folder \(quote(path))"
      case .archive(let path): "archive \(quote(path))"
      case .list(let path, let column, let label):
        "csv \(quote(path)) \(quote(column)) \(label.map { quote($0) } ?? "none")"
      }
    return "\(files.content.rawValue) \(place) \(files.within.map { quote($0) } ?? "none")"
      + " \(files.pattern.map { quote($0.text) } ?? "none") \(files.badFiles.rawValue)"
  }

  /// Sounds made of clips.
  static func text(_ source: ConcatenatedSource) -> String {
    "concatenated \(quote(source.source)) \(quote(source.same)) \(source.clips)"
      + " \(source.silenceMilliseconds) \(source.samples) \(source.seed)"
      + text(source.conditions)
  }

  /// The one length of sounds.
  static func text(_ length: SoundField.Length?) -> String {
    switch length {
    case .seconds(let seconds): "seconds \(seconds)"
    case .frames(let frames): "frames \(frames)"
    case nil: "ragged"
    }
  }

  /// What is mixed into sounds; empty without noise.
  static func text(_ noise: SoundNoise?) -> String {
    guard let noise else { return "" }
    return " noise \(quote(noise.kinds.map(\.rawValue))) \(noise.snr) \(noise.seed)"
  }

  /// Which principal components are kept; empty where everything is.
  static func text(_ components: ComponentChoice?) -> String {
    switch components {
    case .energy(let share): " energy \(share)"
    case .count(let count): " components \(count)"
    case nil: ""
    }
  }

  /// What rows must say of themselves; empty without conditions.
  static func text(_ conditions: [RecipeCondition]) -> String {
    conditions.map { condition in
      let accepted =
        switch condition.accepted {
        case .texts(let texts): quote(texts)
        case .range(let range): "\(range.lowerBound)...\(range.upperBound)"
        }
      return " where \(quote(condition.source)) \(quote(condition.part)) \(accepted)"
    }.joined()
  }
}
