import Glibc

extension OutputFile {
  /// What the name of a file begins with that is not whole yet.
  package static var hiddenPrefix: String { ".tmp-" }

  /// Replaces a small file whole and durably: readers see the old text or the new one, also after a loss
  /// of power.
  ///
  /// It is written beside, as `.tmp-NAME`, which whoever dies meanwhile leaves to the next.
  ///
  /// - Parameters:
  ///   - path: the file, in a folder that exists.
  ///   - text: its new content.
  /// - Throws: `CheckpointError` naming the file.
  package static func replace(_ path: String, with text: String) throws {
    let folder = Folders.parent(of: path)
    let name = path.split(separator: "/").last ?? ""
    let hidden = "\(folder)/\(hiddenPrefix)\(name)"
    _ = uninterrupted { unlink(hidden) }
    _ = try create(hidden) { try $0.write(text) }
    try Folders.rename(hidden, to: path)
    try Folders.sync(folder)
  }
}
