import Foundation
import HDF5

/// One opened data file, mapped when the first of its datasets asks.
final class OpenFile: Sendable {
  let path: String
  let root: HDF5Group
  /// The root digest, for a sample file.
  let digest: String?
  /// Whether a sample file says that its samples were drawn rather than measured.
  let isSynthetic: Bool
  private let mapping: MappingBox

  init(_ path: String) throws(DatasetError) {
    self.path = path
    let root = try border { () throws(HDF5Error) in try HDF5File(reading: path).root }
    self.root = root
    mapping = MappingBox(path)
    digest = try OpenFile.digest(root, path)
    isSynthetic = OpenFile.isSynthetic(root)
  }

  /// True for a file that ``SampleFileWriter`` made.
  var isSampleFile: Bool { digest != nil }

  /// The file's bytes.
  func mapped() throws(DatasetError) -> MappedFile { try mapping.mapped() }

  private static func isSynthetic(_ root: HDF5Group) -> Bool {
    guard let mark = try? root.attribute("synthetic") else { return false }
    return mark.asInteger == 1
  }

  private static func digest(_ root: HDF5Group, _ path: String) throws(DatasetError) -> String? {
    // A root attribute that is no text or number belongs to somebody else's file.
    guard let format = try? root.attribute("format"), format.asText == SampleFileFormat.name else {
      return nil
    }
    return try border { () throws(HDF5Error) in
      let version = try root.attribute("formatVersion")?.asInteger ?? 0
      guard version <= SampleFileFormat.version else {
        throw HDF5Error(
          .newerVersion, at: path,
          "a sample file of version \(version); this program reads up to \(SampleFileFormat.version)"
        )
      }
      guard version > 0, let digest = try root.attribute("digest")?.asText else {
        throw HDF5Error(
          .damaged, at: path, "a sample file without version or digest; prepare it again")
      }
      return digest
    }
  }

  /// Maps once, on demand.
  private final class MappingBox: @unchecked Sendable {
    private let path: String
    private let lock = NSLock()
    private var file: MappedFile?

    init(_ path: String) { self.path = path }

    func mapped() throws(DatasetError) -> MappedFile {
      lock.lock()
      defer { lock.unlock() }
      if let file { return file }
      let made = try MappedFile(path)
      file = made
      return made
    }
  }
}
