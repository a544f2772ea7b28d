import Glibc

/// The few operations on folders that a commit needs, each checked.
///
/// A folder that cannot be looked at is an error, never one that does not exist: who takes it for
/// missing starts a run afresh over its own checkpoints.
package enum Folders {
  /// Creates `path` and the folders above it, durably; an existing folder, or a link to one, is fine.
  ///
  /// - Throws: `CheckpointError` naming the folder that cannot be created.
  package static func create(_ path: String, mode: mode_t = 0o755) throws {
    if try make(path, mode) { return }
    let parent = parent(of: path)
    guard parent != path else { throw CheckpointError.system(ENOENT, "create the folder", path) }
    try create(parent, mode: mode)
    guard try make(path, mode) else {
      throw CheckpointError.system(ENOENT, "create the folder", path)
    }
  }

  /// Creates one folder and syncs the one above it; false where that is missing.
  private static func make(_ path: String, _ mode: mode_t) throws -> Bool {
    if uninterrupted({ mkdir(path, mode) }) == 0 {
      try sync(parent(of: path))
      return true
    }
    let number = errno
    if number == ENOENT { return false }
    guard number == EEXIST, try exists(path, followsLinks: true) else {
      throw CheckpointError.system(number, "create the folder", path)
    }
    return true
  }

  /// Whether `path` is a folder, or, if links are followed, leads to one.
  ///
  /// - Throws: `CheckpointError` if that cannot be found out.
  static func exists(_ path: String, followsLinks: Bool = false) throws -> Bool {
    var status = stat()
    let result = uninterrupted { followsLinks ? stat(path, &status) : lstat(path, &status) }
    if result == 0 { return status.st_mode & S_IFMT == S_IFDIR }
    guard errno == ENOENT || errno == ENOTDIR else {
      throw CheckpointError.system(errno, "look at", path)
    }
    return false
  }

  /// The folder that holds `path`.
  static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Makes the names inside `path` durable.
  ///
  /// - Throws: `CheckpointError` naming the folder.
  package static func sync(_ path: String) throws {
    let descriptor = uninterrupted { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw CheckpointError.system(errno, "open the folder", path) }
    defer { _ = close(descriptor) }
    guard uninterrupted({ fsync(descriptor) }) == 0 else {
      throw CheckpointError.system(errno, "sync", path)
    }
  }

  /// Gives `from` the name `to`; both are in one file system.
  static func rename(_ from: String, to: String) throws {
    guard uninterrupted({ Glibc.rename(from, to) }) == 0 else {
      throw CheckpointError.system(errno, "rename \(from) to", to)
    }
  }

  /// The names inside `path`, sorted; none where there is no such folder.
  ///
  /// - Throws: `CheckpointError` if not all of them can be read.
  static func names(in path: String) throws -> [String] {
    var opened = opendir(path)
    while opened == nil, errno == EINTR { opened = opendir(path) }
    guard let stream = opened else {
      if errno == ENOENT { return [] }
      throw CheckpointError.system(errno, "list", path)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = try next(stream, path) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The next entry of an open folder, nil at its end: only `errno` tells an end from a failure.
  private static func next(
    _ stream: OpaquePointer, _ path: String
  ) throws -> UnsafeMutablePointer<dirent>? {
    while true {
      errno = 0
      if let entry = readdir(stream) { return entry }
      if errno == 0 { return nil }
      guard errno == EINTR else { throw CheckpointError.system(errno, "list", path) }
    }
  }

  /// Deletes a folder of ours, or a file.
  static func removeAny(_ path: String) throws {
    if try exists(path) { return try remove(path) }
    guard uninterrupted({ unlink(path) }) == 0 || errno == ENOENT else {
      throw CheckpointError.system(errno, "delete", path)
    }
  }

  /// Deletes a folder of ours with the files in it.
  static func remove(_ path: String) throws {
    for name in try names(in: path) {
      try removeAny("\(path)/\(name)")
    }
    guard uninterrupted({ rmdir(path) }) == 0 || errno == ENOENT else {
      throw CheckpointError.system(errno, "delete", path)
    }
  }
}
