import Buffers
import Configuration

/// The files of a collection, with what their names say, before any is decoded.
struct MediaListing {
  /// One file per sample.
  let files: [MediaFile]
  /// One row per file: its path, and the parts of its name or the columns of the list.
  let table: TextTable
  /// The column that is the label; nil where there is none.
  let label: String?
  /// What a person should know.
  let notes: [String]

  /// The names of its parts, for messages.
  var parts: String { table.columns.joined(separator: ", ") }

  /// Lists a collection.
  ///
  /// - Parameters:
  ///   - source: the source's name, for messages.
  ///   - collection: what to list.
  ///   - root: the folder its paths are relative to.
  /// - Throws: ``PreparationError``.
  init(_ source: String, _ collection: FileCollection, root: String) throws {
    switch collection.place {
    case .folder(let name):
      let listing = try FolderListing(name, root: root)
      let top = RawFile.path(name, root: root)
      let files = listing.files.map { path in
        MediaFile(
          path: path,
          content: listing.unreadable.contains(path)
            ? .refused("its name is not UTF-8") : .disk("\(top)/\(path)"))
      }
      self = try MediaListing(source, name, collection, files, folders: listing.folders)
    case .archive(let name):
      let prefix = collection.within.map { $0.hasSuffix("/") ? $0 : $0 + "/" } ?? ""
      let reader = NameReader(collection)
      let files = try ArchiveReader.members(name, root: root) {
        $0.hasPrefix(prefix) && reader.isWanted(String($0.dropFirst(prefix.count)))
      }.map { MediaFile(path: String($0.path.dropFirst(prefix.count)), content: $0.content) }
      self = try MediaListing(source, name, collection, files, folders: [])
    case .list(let name, let path, let label):
      self = try MediaListing(list: name, path, label, collection, root)
    }
    guard !files.isEmpty else {
      let kinds = NameReader.endings(collection.content).joined(separator: ", ")
      throw PreparationError(
        .badData,
        "source '\(source)': there is no file to read; expected names that end in \(kinds)"
          + (collection.pattern.map { " and fit \($0.text)" } ?? "")
          + (notes.isEmpty ? "" : "; " + notes.joined(separator: "; ")))
    }
  }

  /// The same with row n taken from row `rows[n]`.
  func mapped(_ rows: [Int]) -> MediaListing {
    MediaListing(
      files: rows.map { files[$0] }, table: table.mapped(rows), label: label, notes: notes)
  }

  private init(files: [MediaFile], table: TextTable, label: String?, notes: [String]) {
    self.files = files
    self.table = table
    self.label = label
    self.notes = notes
  }

  /// Files of a folder or an archive, by their names.
  private init(
    _ source: String, _ place: String, _ collection: FileCollection, _ all: [MediaFile],
    folders: [String]
  ) throws {
    let reader = NameReader(collection)
    // Beside folders of classes, a file without a folder has no class.
    let hasFolders = collection.pattern == nil && all.contains { $0.path.contains("/") }
    let names = collection.pattern?.names ?? (hasFolders ? ["label"] : [])
    var table = TextTable(columns: names + [FilePattern.path], missing: [])
    var files: [MediaFile] = []
    var others = 0
    for file in all {
      guard reader.isWanted(file.path), let parts = reader.parts(file.path, hasFolders) else {
        others += 1
        continue
      }
      files.append(file)
      table.append(file: "\(place): \(file.path)", cells: parts + [file.path])
    }
    var notes: [String] = []
    if others > 0 {
      notes.append("source '\(source)': files in \(place) of another kind or name: \(others)")
    }
    if hasFolders, !folders.isEmpty {
      table.declared["label"] = folders
      let filled = Set(files.map { $0.path.prefix { $0 != "/" } })
      for folder in folders where !filled.contains(folder[...]) {
        notes.append(
          "source '\(source)': the class folder \(place)/\(folder) holds no file to read")
      }
    }
    self.init(
      files: files, table: table, label: names.contains("label") ? "label" : nil, notes: notes)
  }

  /// Files that a text table lists.
  private init(
    list name: String, _ path: String, _ label: String?, _ collection: FileCollection,
    _ root: String
  ) throws {
    let table = try TextTable.read([RawFile(name, root: root)], options: .init())
    let column = try table.column(path)
    if let label { _ = try table.column(label) }
    let folder = name.lastIndex(of: "/").map { String(name[...$0]) } ?? ""
    let base = collection.within.map { $0 + "/" } ?? folder
    let files = (0..<table.rows).map { row -> MediaFile in
      let text = table.text(row, column) ?? ""
      guard !text.isEmpty, !text.utf8.contains(0) else {
        return MediaFile(path: table.place(row), content: .refused("no path is given"))
      }
      let place = text.hasPrefix("/") ? text : RawFile.path(base + text, root: root)
      return MediaFile(path: text, content: .disk(place))
    }
    self.init(files: files, table: table, label: label, notes: [])
  }

  /// The SHA-256 over the paths of the files and the names of the classes.
  var namesDigest: String {
    var hash = SHA256()
    for name in (table.declared["label"] ?? []) + files.map(\.path) {
      hash.update("\(name.debugDescription)\n")
    }
    return hash.hexadecimal()
  }

  /// The SHA-256 over names and contents of files on disk, which the ranks read together.
  ///
  /// Folders without files are classes all the same, so they count too.
  ///
  /// - Parameter crew: the ranks.
  /// - Returns: 64 hexadecimal digits.
  /// - Throws: what the exchange throws.
  func digest(_ crew: Crew) throws -> String {
    let digests = try crew.divide(files.count) { index in
      var hash = SHA256()
      do throws(BadFile) {
        try files[index].bytes().withUnsafeBytes { hash.update($0) }
      } catch { return Array("unreadable".utf8) }
      return Array(hash.hexadecimal().utf8)
    }
    var hash = SHA256()
    hash.update("\(namesDigest)\n")
    for digest in digests { hash.update("\(String(decoding: digest, as: UTF8.self))\n") }
    return hash.hexadecimal()
  }
}

extension FileCollection {
  /// Under what name the files of a folder or a list are given as sources; nil for an archive, whose own
  /// digest says all.
  var looseFiles: String? {
    switch place {
    case .folder(let path): path
    case .list(let path, _, _): "files of \(path)"
    case .archive: nil
    }
  }
}

/// Which names are read, and what they say.
struct NameReader {
  private let pattern: FilePattern?
  private let endings: [String]

  /// The reader of a collection's names.
  init(_ collection: FileCollection) {
    pattern = collection.pattern
    endings = NameReader.endings(collection.content)
  }

  /// The ends of names of a content's files, in small letters.
  static func endings(_ content: FileCollection.Content) -> [String] {
    switch content {
    case .images: [".png", ".jpg", ".jpeg"]
    case .sounds: [".wav", ".flac", ".ogg", ".oga"]
    }
  }

  /// Whether a file is of the content's kind by its name, and no folder on its path is hidden.
  func isWanted(_ path: String) -> Bool {
    let name = path.lowercased()
    return endings.contains(where: name.hasSuffix)
      && !path.split(separator: "/").contains { $0.hasPrefix(".") && $0 != ".." && $0 != "." }
  }

  /// The texts of the named parts, or nil where the path does not fit.
  func parts(_ path: String, _ hasFolders: Bool) -> [String]? {
    if let pattern { return pattern.match(path) }
    guard hasFolders else { return [] }
    return path.firstIndex(of: "/").map { [String(path[..<$0])] }
  }
}
