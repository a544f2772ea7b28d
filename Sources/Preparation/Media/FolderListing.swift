import Glibc

/// All files below a folder, in the order of their paths' bytes.
struct FolderListing {
  /// Paths relative to the folder.
  private(set) var files: [String] = []
  /// Those of ``files`` whose names are not UTF-8; the bytes that are not stand there as `\xNN`.
  private(set) var unreadable: Set<String> = []
  /// The folders directly below it, with or without files.
  private(set) var folders: [String] = []
  private let top: String
  /// The folders that are being read, by device and inode, so that a link cannot lead in circles.
  private var open: [(dev_t, ino_t)] = []

  /// Lists a folder; names that begin with a dot are passed over, links are followed.
  ///
  /// - Parameters:
  ///   - name: the folder as the recipe names it.
  ///   - root: the folder it is relative to.
  /// - Throws: ``PreparationError`` with `.missingSource` for a folder that cannot be read, `.badData` for one
  ///   whose name is not UTF-8.
  init(_ name: String, root: String) throws {
    top = RawFile.path(name, root: root)
    try enter("", name)
    files.sort { $0.precedes($1) }
    folders.sort { $0.precedes($1) }
  }

  private mutating func enter(_ path: String, _ name: String) throws {
    let place = path.isEmpty ? top : "\(top)/\(path)"
    var status = stat()
    guard stat(place, &status) == 0, let folder = opendir(place) else {
      throw PreparationError(
        .missingSource,
        "the folder \(place) cannot be read: \(String(cString: strerror(errno)));"
          + " check --root and the recipe's path '\(name)'")
    }
    defer { closedir(folder) }
    let key = (status.st_dev, status.st_ino)
    guard !open.contains(where: { $0 == key }) else { return }
    open.append(key)
    defer { open.removeLast() }
    for (entry, isUnicode, isFolder) in names(folder) {
      let inner = path.isEmpty ? entry : "\(path)/\(entry)"
      // A link that leads nowhere is listed, so that it is told as a bad file.
      guard isFolder else {
        files.append(inner)
        if !isUnicode { unreadable.insert(inner) }
        continue
      }
      guard isUnicode else {
        throw PreparationError(
          .badData, "the folder \(top)/\(inner): its name is not UTF-8; rename it")
      }
      if path.isEmpty { folders.append(entry) }
      try enter(inner, name)
    }
  }

  /// The entries of a folder by their names, and whether these are UTF-8.
  private func names(_ folder: OpaquePointer) -> [(name: String, isUnicode: Bool, isFolder: Bool)] {
    var names: [(name: String, isUnicode: Bool, isFolder: Bool)] = []
    while let entry = readdir(folder) {
      let (name, isUnicode, isFolder) = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { name in
          var status = stat()
          let found = fstatat(dirfd(folder), name, &status, 0) == 0
          return (
            UnicodeText.escaped(name), String(validatingCString: name) != nil,
            found && status.st_mode & S_IFMT == S_IFDIR
          )
        }
      }
      if !name.hasPrefix(".") { names.append((name, isUnicode, isFolder)) }
    }
    return names
  }
}
