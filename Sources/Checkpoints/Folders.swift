import Glibc

/// The few operations on folders that a commit needs, each checked.
enum Folders {
  /// Creates `path` and the folders above it; an existing folder is fine.
  static func create(_ path: String) throws {
    if mkdir(path, 0o755) == 0 || (errno == EEXIST && exists(path)) { return }
    let number = errno
    let parent = parent(of: path)
    guard number == ENOENT, parent != path else {
      throw CheckpointError.system(number, "create the folder", path)
    }
    try create(parent)
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw CheckpointError.system(errno, "create the folder", path)
    }
    try sync(parent)
  }

  /// Whether `path` is a folder.
  static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The folder that holds `path`.
  static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Makes the names inside `path` durable.
  static func sync(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CheckpointError.system(errno, "open the folder", path) }
    defer { _ = close(descriptor) }
    guard fsync(descriptor) == 0 else { throw CheckpointError.system(errno, "sync", path) }
  }

  /// Gives `from` the name `to`; both are in one file system.
  static func rename(_ from: String, to: String) throws {
    guard Glibc.rename(from, to) == 0 else {
      throw CheckpointError.system(errno, "rename \(from) to", to)
    }
  }

  /// The names inside `path`, sorted; none where there is no such folder.
  static func names(in path: String) throws -> [String] {
    guard let stream = opendir(path) else {
      if errno == ENOENT { return [] }
      throw CheckpointError.system(errno, "list", path)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Deletes a folder of ours, or a file.
  static func removeAny(_ path: String) throws {
    if exists(path) { return try remove(path) }
    guard unlink(path) == 0 || errno == ENOENT else {
      throw CheckpointError.system(errno, "delete", path)
    }
  }

  /// Deletes a folder of ours with the files in it.
  static func remove(_ path: String) throws {
    for name in try names(in: path) {
      try removeAny("\(path)/\(name)")
    }
    guard rmdir(path) == 0 || errno == ENOENT else {
      throw CheckpointError.system(errno, "delete", path)
    }
  }
}
