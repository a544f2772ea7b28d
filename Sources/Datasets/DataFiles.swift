import Foundation

/// Finds the files that a configuration names.
enum DataFiles {
  /// The paths behind `entries`, in their order; the matches of a glob in order of their bytes.
  ///
  /// - Parameters:
  ///   - entries: paths or globs.
  ///   - folder: where relative entries are looked for first.
  ///   - fallback: where they are looked for next, the value of `AIMASS_DATA`.
  /// - Returns: at least one path per entry.
  /// - Throws: ``DatasetError``: `.missing`, `.configuration` for an empty list.
  static func resolve(
    _ entries: [String], folder: String, fallback: String?
  ) throws(DatasetError) -> [String] {
    guard !entries.isEmpty else {
      throw DatasetError(.configuration, "data.files: no file is named; name at least one")
    }
    var paths: [String] = []
    for entry in entries {
      let candidates = places(entry, folder, fallback)
      guard let found = candidates.lazy.map(matches).first(where: { !$0.isEmpty }) else {
        let looked = candidates.joined(separator: ", ")
        let advice =
          fallback == nil && !entry.hasPrefix("/") ? "; AIMASS_DATA, not set, is looked in too" : ""
        throw DatasetError(
          .missing, "\(entry): there is no such file (looked for \(looked))\(advice)")
      }
      paths += found
    }
    return paths
  }

  /// The length of a file; 0 where it cannot be told, which whoever opens it will hear.
  static func byteCount(of path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  /// The full paths that an entry may mean, the preferred one first.
  private static func places(_ entry: String, _ folder: String, _ fallback: String?) -> [String] {
    if entry.hasPrefix("/") { return [entry] }
    return ([folder] + (fallback.map { [$0] } ?? [])).map { base in
      if base.isEmpty || base == "." { return entry }
      return base.hasSuffix("/") ? base + entry : "\(base)/\(entry)"
    }
  }

  /// The existing paths behind one path or glob.
  private static func matches(_ path: String) -> [String] {
    if access(path, F_OK) == 0 { return [path] }
    guard path.contains(where: { "*?[".contains($0) }) else { return [] }
    var result = glob_t()
    defer { globfree(&result) }
    guard glob(path, 0, nil, &result) == 0 else { return [] }
    let found = (0..<Int(result.gl_pathc)).compactMap { index in
      result.gl_pathv[index].map { String(cString: $0) }
    }
    return found.sorted(by: SampleFileFormat.precedes)
  }
}
