import CArchive

/// Reads the members of a tar or zip file, packed or not, into memory; nothing is written anywhere.
enum ArchiveReader {
  /// The most bytes of all wanted members together.
  static let mostBytes = 1 << 34

  /// Reads the wanted members.
  ///
  /// Names are only labels here: one that is absolute or climbs with `..` is refused as a bad file. Of two
  /// members of one name the later counts, as when unpacking. Folders, links and devices are passed over.
  ///
  /// - Parameters:
  ///   - name: the archive as the recipe names it.
  ///   - root: the folder it is relative to.
  ///   - wants: whether a member is to be read, by its name.
  /// - Returns: the members in the order of their names' bytes.
  /// - Throws: ``PreparationError``: `.missingSource`; `.badData` for an archive that is damaged, cut off
  ///   or too large.
  static func members(
    _ name: String, root: String, wants: (String) -> Bool
  ) throws -> [MediaFile] {
    // zlib compares the checksum of a gzip stream to its end, which libarchive does not.
    let file = try RawFile(name, root: root)
    guard try file.countRest() > 0 else {
      throw PreparationError(.badData, "\(name): the archive is empty")
    }
    guard let archive = archive_read_new() else {
      throw PreparationError(.badData, "\(name): libarchive cannot be started")
    }
    defer { archive_read_free(archive) }
    for support in [
      archive_read_support_format_tar, archive_read_support_format_zip,
      archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
      archive_read_support_filter_xz, archive_read_support_filter_zstd,
    ] { _ = support(archive) }
    let path = RawFile.path(name, root: root)
    guard archive_read_open_filename(archive, path, 1 << 18) == ARCHIVE_OK else {
      throw damage(archive, name, 0)
    }
    return try members(archive, name, wants)
  }

  private static func members(
    _ archive: OpaquePointer, _ name: String, _ wants: (String) -> Bool
  ) throws -> [MediaFile] {
    var members: [MediaFile] = []
    var total = 0
    while true {
      var entry: OpaquePointer?
      let status = archive_read_next_header(archive, &entry)
      if status == ARCHIVE_EOF { break }
      guard status >= ARCHIVE_WARN, let entry else { throw damage(archive, name, members.count) }
      guard archive_entry_filetype(entry) == CArchive_regular_file(),
        archive_entry_hardlink(entry) == nil
      else { continue }
      let path = memberName(entry)
      guard wants(path) else { continue }
      let member = MediaFile(path: path, content: try content(archive, path, name, members.count))
      if case .memory(let bytes) = member.content { total += bytes.count }
      guard total <= mostBytes else {
        throw PreparationError(
          .badData,
          "\(name): unpacks to more than \(mostBytes) bytes; unpack it and name the folder instead")
      }
      members.append(member)
    }
    return latest(members)
  }

  /// The member's name without `./` in front.
  private static func memberName(_ entry: OpaquePointer) -> String {
    let text = archive_entry_pathname_utf8(entry) ?? archive_entry_pathname(entry)
    var name = Substring(text.map { String(cString: $0) } ?? "")
    while name.hasPrefix("./") { name = name.dropFirst(2) }
    return String(name)
  }

  /// Reads a member piece by piece: the size in its header is only a claim.
  private static func content(
    _ archive: OpaquePointer, _ path: String, _ name: String, _ before: Int
  ) throws -> MediaFile.Content {
    let steps = path.split(separator: "/", omittingEmptySubsequences: false)
    guard !path.hasPrefix("/"), !steps.contains(".."), !path.isEmpty else {
      return .refused("its name leads out of the archive")
    }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let found = archive_read_data(archive, &piece, piece.count)
      if found == 0 { return .memory(bytes) }
      if found == ARCHIVE_FATAL { throw damage(archive, name, before) }
      guard found > 0 else { return .refused("it cannot be unpacked: \(words(archive))") }
      guard bytes.count + found <= MediaFile.mostBytes else {
        return .refused("it unpacks to more than \(MediaFile.mostBytes) bytes")
      }
      bytes.append(contentsOf: piece[..<found])
    }
  }

  private static func latest(_ members: [MediaFile]) -> [MediaFile] {
    let order = members.indices.sorted {
      let (first, second) = (members[$0].path, members[$1].path)
      return first.utf8.elementsEqual(second.utf8) ? $0 < $1 : first.precedes(second)
    }
    var kept: [MediaFile] = []
    for index in order {
      if let last = kept.last, last.path.utf8.elementsEqual(members[index].path.utf8) {
        kept.removeLast()
      }
      kept.append(members[index])
    }
    return kept
  }

  private static func words(_ archive: OpaquePointer) -> String {
    archive_error_string(archive).map { String(cString: $0) } ?? "no reason is given"
  }

  private static func damage(
    _ archive: OpaquePointer, _ name: String, _ before: Int
  ) -> PreparationError {
    PreparationError(
      .badData,
      "\(name): the archive cannot be read after \(before) files: \(words(archive)); fetch it again,"
        + " or pack the files as tar or zip")
  }
}
