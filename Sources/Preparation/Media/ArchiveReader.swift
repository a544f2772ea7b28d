import CArchive

/// Reads the members of a tar or zip file, packed or not, into memory; nothing is written anywhere.
enum ArchiveReader {
  /// The most bytes of all wanted members together.
  static let mostBytes = 1 << 34

  /// Reads the wanted members.
  ///
  /// Names are only labels here: one that is absolute, climbs with `..` or is not UTF-8 is refused as a bad
  /// file. Of two members of one name the later counts, as when unpacking. A hard link is the member it leads
  /// to, if that is read too; other links are bad files. Folders and devices are passed over.
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
    let ending = try file.skipRest(keeping: 65_557)
    guard ending.count > 0 else {
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
    let members = try members(archive, name, wants)
    guard isWhole(archive, ending.tail) else {
      throw PreparationError(
        .badData, "\(name): the archive is cut off after \(members.count) files; fetch it again")
    }
    return latest(members)
  }

  /// Whether the end of an archive is there, whose lack libarchive passes over in silence.
  ///
  /// A tar file ends with blocks of zeros, a zip file with its directory's end record within the last 65,557
  /// bytes. What is packed otherwise than by gzip has a checksum of its own.
  private static func isWhole(_ archive: OpaquePointer, _ tail: [UInt8]) -> Bool {
    if archive_format(archive) & ARCHIVE_FORMAT_BASE_MASK == ARCHIVE_FORMAT_ZIP {
      let mark = Array("PK\u{5}\u{6}".utf8)
      return tail.indices.contains { tail[$0...].starts(with: mark) }
    }
    guard [ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP].contains(archive_filter_code(archive, 0))
    else {
      return true
    }
    return tail.count >= 512 && tail.suffix(512).allSatisfy { $0 == 0 }
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
      let path = memberName(entry)
      guard wants(path), let content = try content(archive, entry, path, name, members) else {
        continue
      }
      let member = MediaFile(path: path, content: content)
      if case .memory(let bytes) = member.content { total += bytes.count }
      guard total <= mostBytes else {
        throw PreparationError(
          .badData,
          "\(name): unpacks to more than \(mostBytes) bytes; unpack it and name the folder instead")
      }
      members.append(member)
    }
    return members
  }

  /// The name's bytes as they stand in the archive, or in UTF-8 where it says their encoding.
  private static func rawName(_ entry: OpaquePointer) -> UnsafePointer<CChar>? {
    archive_entry_pathname(entry) ?? archive_entry_pathname_utf8(entry)
  }

  /// The member's name without `./` in front; bytes that are not UTF-8 become `\xNN`.
  private static func memberName(_ entry: OpaquePointer) -> String {
    guard let text = rawName(entry) else {
      return ""
    }
    var name = Substring(UnicodeText.escaped(text))
    while name.hasPrefix("./") { name = name.dropFirst(2) }
    return String(name)
  }

  /// What a member holds; nil for a folder or a device.
  private static func content(
    _ archive: OpaquePointer, _ entry: OpaquePointer, _ path: String, _ name: String,
    _ before: [MediaFile]
  ) throws -> MediaFile.Content? {
    let steps = path.split(separator: "/", omittingEmptySubsequences: false)
    guard !path.hasPrefix("/"), !steps.contains(".."), !path.isEmpty else {
      return .refused("its name leads out of the archive")
    }
    guard rawName(entry).flatMap({ String(validatingCString: $0) }) != nil else {
      return .refused("its name is not UTF-8")
    }
    if let target = archive_entry_hardlink(entry) {
      var wanted = Substring(UnicodeText.escaped(target))
      while wanted.hasPrefix("./") { wanted = wanted.dropFirst(2) }
      return before.last { $0.path == wanted }?.content
        ?? .refused("it is a link to \(wanted), which is not among the files that are read")
    }
    switch archive_entry_filetype(entry) {
    case CArchive_regular_file(): return try bytes(archive, name, before.count)
    case CArchive_symbolic_link(): return .refused("it is a link; pack the file itself")
    default: return nil
    }
  }

  /// Reads a member piece by piece: the size in its header is only a claim.
  private static func bytes(
    _ archive: OpaquePointer, _ name: String, _ before: Int
  ) throws -> MediaFile.Content {
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
