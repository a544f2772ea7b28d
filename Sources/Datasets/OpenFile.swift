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
  /// What the input may take of the node's memory.
  let memory: InputMemory
  private let mapping: MappingBox

  /// Opens a file.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - memory: what the input may take.
  /// - Throws: ``DatasetError``.
  init(_ path: String, _ memory: InputMemory) throws(DatasetError) {
    (self.path, self.memory) = (path, memory)
    let root = try border { () throws(HDF5Error) in try HDF5File(reading: path).root }
    self.root = root
    mapping = MappingBox(path, memory)
    digest = try SampleFileFormat.digest(of: root, path)
    isSynthetic = try border { () throws(HDF5Error) in
      try root.plainAttribute("synthetic")?.asInteger == 1
    }
  }

  /// True for a file that ``SampleFileWriter`` made.
  var isSampleFile: Bool { digest != nil }

  /// The file's bytes.
  func mapped() throws(DatasetError) -> MappedFile { try mapping.mapped() }

  /// Maps once, on demand.
  private final class MappingBox: @unchecked Sendable {
    private let path: String
    private let memory: InputMemory
    private let lock = NSLock()
    private var file: MappedFile?

    init(_ path: String, _ memory: InputMemory) { (self.path, self.memory) = (path, memory) }

    func mapped() throws(DatasetError) -> MappedFile {
      lock.lock()
      defer { lock.unlock() }
      if let file { return file }
      let made = try MappedFile(path, memory)
      file = made
      return made
    }
  }
}

extension SampleFileFormat {
  /// The digest that a sample file states, or nil for somebody else's file.
  ///
  /// - Parameters:
  ///   - root: the file's root.
  ///   - path: the file, for messages.
  /// - Returns: the root's `digest`.
  /// - Throws: ``DatasetError``: `.newerVersion`, or `.damaged` for a sample file without digest.
  static func digest(of root: HDF5Group, _ path: String) throws(DatasetError) -> String? {
    try border { () throws(HDF5Error) in
      guard try root.plainAttribute("format")?.asText == name else { return nil }
      let stated = try root.attribute("formatVersion")?.asInteger ?? 0
      guard stated <= version else {
        throw HDF5Error(
          .newerVersion, at: path,
          "a sample file of version \(stated); this program reads up to \(version)"
        )
      }
      guard stated > 0, let digest = try root.attribute("digest")?.asText else {
        throw HDF5Error(
          .damaged, at: path, "a sample file without version or digest; prepare it again")
      }
      return digest
    }
  }
}
