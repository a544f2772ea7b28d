/// Files of pictures or sounds, one sample each: `NAME: {images: {folder: DIR}}`.
public struct FileCollection: Sendable, Equatable {
  /// What the files hold; the key of the source.
  public var content: Content
  /// Where they are.
  public var place: Place
  /// `within`: only files below this folder of an archive, or the folder that the paths of a list start
  /// from; nil: the whole archive, or the list's own folder.
  public var within: String?
  /// `pattern`: how the path of a file is read; nil: the first folder is the label.
  public var pattern: FilePattern?
  /// `badFiles`: what a file that cannot be decoded does; default `skip`.
  public var badFiles: BadFiles

  /// What files hold.
  public enum Content: String, Sendable, Equatable, CaseIterable {
    /// PNG and JPEG.
    case images
    /// WAV, FLAC and Ogg.
    case sounds
  }

  /// Where files are.
  public enum Place: Sendable, Equatable {
    /// `folder`: all files below a folder.
    case folder(String)
    /// `archive`: the members of a tar or zip file.
    case archive(String)
    /// `csv`: the paths in the column `path` of a text table with a header; `label` names the column
    /// that is the label.
    case list(String, path: String, label: String?)
  }

  /// What a file that cannot be decoded does.
  public enum BadFiles: String, Sendable, Equatable, CaseIterable {
    /// Its sample is left out, and told.
    case skip
    /// It ends the preparation.
    case fail
  }

  /// A collection from its parts.
  public init(
    content: Content, place: Place, within: String? = nil, pattern: FilePattern? = nil,
    badFiles: BadFiles = .skip
  ) {
    self.content = content
    self.place = place
    self.within = within
    self.pattern = pattern
    self.badFiles = badFiles
  }
}

/// How the path of a file is read: `{label}/{speaker}_{index}.wav`.
///
/// A part in braces stands for one or more characters other than `/`, as few as make the whole fit, and
/// gets a name; `{}` stands for as much without one. Everything else stands for itself.
public struct FilePattern: Sendable, Equatable {
  /// The text as written.
  public let text: String
  /// Its pieces in order.
  public let pieces: [Piece]

  /// A piece of a pattern.
  public enum Piece: Sendable, Equatable {
    /// These bytes.
    case literal([UInt8])
    /// One or more bytes other than a slash; nil: without a name.
    case part(String?)
  }

  /// The names of the parts, in order.
  public var names: [String] {
    pieces.compactMap { if case .part(let name) = $0 { name } else { nil } }
  }

  /// Reads a pattern; nil for braces that do not pair, parts that touch, names that are none or come
  /// twice, or no part at all.
  ///
  /// - Parameter text: as in the recipe.
  public init?(_ text: String) {
    var pieces: [Piece] = []
    var rest = Substring(text)
    while let open = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
      guard rest[open] == "{", let close = rest[open...].firstIndex(of: "}") else { return nil }
      let name = String(rest[rest.index(after: open)..<close])
      guard name.isEmpty || FilePattern.isName(name) else { return nil }
      if open > rest.startIndex { pieces.append(.literal(Array(rest[..<open].utf8))) }
      if case .part = pieces.last { return nil }
      pieces.append(.part(name.isEmpty ? nil : name))
      rest = rest[rest.index(after: close)...]
    }
    guard !pieces.isEmpty else { return nil }
    if !rest.isEmpty { pieces.append(.literal(Array(rest.utf8))) }
    self.text = text
    self.pieces = pieces
    guard Set(names).count == names.count else { return nil }
  }

  private static func isName(_ text: String) -> Bool {
    text != FilePattern.path
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
          || $0 == 0x5F || $0 == 0x2D
      }
  }

  /// The part that every file has: its whole path.
  public static let path = "path"
}
