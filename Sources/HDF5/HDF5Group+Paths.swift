import CHDF5

extension HDF5Group {
  /// `name` without a trailing slash; the library resolves the rest.
  func clean(_ name: String) -> String {
    let parts = name.split(separator: "/").joined(separator: "/")
    if name.hasPrefix("/") { return "/" + parts }
    return parts.isEmpty ? "." : parts
  }

  /// True if each step of the path `name` exists; every link on the way stays in this file.
  func exists(_ name: String) throws(HDF5Error) -> Bool {
    try follow(name, depth: 0)
  }

  /// Walks a path link by link.
  ///
  /// A soft link is followed by name, because what it names may again be a link, and one that leaves.
  private func follow(_ name: String, depth: Int) throws(HDF5Error) -> Bool {
    guard depth < 16 else {
      throw place.child(name).error(.refused, "more than 16 links lead to one another")
    }
    var walked = name.hasPrefix("/") ? "/" : ""
    for part in name.split(separator: "/") where part != "." {
      let parent = walked
      walked += walked.isEmpty || walked.hasSuffix("/") ? String(part) : "/\(part)"
      guard try hasLink(walked, below: parent) else { return false }
      var link = H5L_info_t()
      try check("H5Lget_info", place.child(walked)) {
        H5Lget_info(handle.id, walked, &link, defaults)
      }
      switch link.type {
      case H5L_TYPE_HARD: continue
      case H5L_TYPE_SOFT:
        let target = try softTarget(walked, byteCount: Int(link.u.val_size))
        let full = target.hasPrefix("/") ? target : "\(parent.isEmpty ? "." : parent)/\(target)"
        guard try follow(full, depth: depth + 1) else { return false }
      case H5L_TYPE_EXTERNAL:
        throw place.child(walked).error(
          .refused, "an external link leads out of this file; name the other file instead")
      default:
        throw place.child(walked).error(.refused, "a link of an unknown kind is not followed")
      }
    }
    return true
  }

  /// Whether there is a link at the end of a path whose other steps were followed.
  ///
  /// The library fails alike where the step before is no group and where that group is damaged; a damaged one must
  /// not pass for an empty one.
  private func hasLink(_ path: String, below parent: String) throws(HDF5Error) -> Bool {
    do throws(HDF5Error) {
      return try check("H5Lexists", place.child(path)) {
        H5Lexists(handle.id, path, defaults)
      } > 0
    } catch {
      let id = try check("H5Oopen", place.child(parent)) {
        H5Oopen(handle.id, parent.isEmpty ? "." : parent, defaults)
      }
      let object = Handle(owning: id, H5Oclose)
      guard H5Iget_type(object.id) == H5I_GROUP else { return false }
      throw error
    }
  }

  /// The path that a soft link holds.
  private func softTarget(_ name: String, byteCount: Int) throws(HDF5Error) -> String {
    guard byteCount > 0, byteCount <= 4096 else {
      throw place.child(name).error(.refused, "a soft link of \(byteCount) bytes is not followed")
    }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    try check("H5Lget_val", place.child(name)) {
      H5Lget_val(handle.id, name, &bytes, byteCount, defaults)
    }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// "; did you mean ...", or what there is, for a path that leads nowhere.
  func hint(_ name: String) throws(HDF5Error) -> String {
    let parts = name.split(separator: "/").map(String.init)
    guard let last = parts.last else { return "" }
    let above = (name.hasPrefix("/") ? "/" : "") + parts.dropLast().joined(separator: "/")
    if above.isEmpty || above == "/" {
      let start = above == "/" && place.object != "/" ? try group("/") : self
      return HDF5Group.hint(last, among: try start.names())
    }
    guard try member(above) == .group else { return try hint(above) }
    return HDF5Group.hint(last, among: try group(above).names())
  }

  private static func hint(_ name: String, among names: [String]) -> String {
    let distances = names.map { (distance($0, name), $0) }.sorted { $0.0 < $1.0 }
    if let nearest = distances.first, nearest.0 <= max(1, min(name.count, 6) / 2) {
      return "; did you mean '\(nearest.1)'?"
    }
    if names.isEmpty { return "; the group is empty" }
    let listed = names.prefix(12).joined(separator: ", ")
    return "; there are: \(listed)\(names.count > 12 ? ", ..." : "")"
  }

  /// Levenshtein's distance, in lower case.
  private static func distance(_ first: String, _ second: String) -> Int {
    let first = Array(first.lowercased().utf8)
    let second = Array(second.lowercased().utf8)
    var row = Array(0...second.count)
    for (i, left) in first.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, right) in second.enumerated() {
        let above = row[j + 1]
        row[j + 1] = min(above + 1, row[j] + 1, diagonal + (left == right ? 0 : 1))
        diagonal = above
      }
    }
    return row[second.count]
  }
}
