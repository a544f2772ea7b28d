import Buffers
import Glibc
import HDF5

extension SampleFileWriter {
  /// Completes the file and gives it its name.
  ///
  /// - Returns: the root digest, 64 hexadecimal digits.
  /// - Throws: ``DatasetError``: `.mismatch` where fewer samples came than announced or splits
  ///   disagree, `.ioFailure`, `.cannotCreate`; the temporary file is removed, the target untouched.
  public func finish() throws(DatasetError) -> String {
    precondition(!isEnded, "\(path): the file has ended")
    do throws(DatasetError) {
      let digest = try complete()
      try sync(temporaryPath, O_RDONLY)
      guard rename(temporaryPath, path) == 0 else {
        throw failure("cannot be renamed from \(temporaryPath)", .cannotCreate)
      }
      isEnded = true
      try sync(SampleFileWriter.folder(of: path), O_RDONLY | O_DIRECTORY)
      return digest
    } catch {
      abort()
      throw error
    }
  }

  /// Writes what is left, the attributes and the digest, and closes.
  private func complete() throws(DatasetError) -> String {
    guard !datasets.isEmpty else { throw DatasetError(.mismatch, "\(path): no field was added") }
    setAttribute("format", to: .text(SampleFileFormat.name))
    setAttribute("formatVersion", to: .integer(Int64(SampleFileFormat.version)))
    var hash = SHA256()
    hash.update("\(SampleFileFormat.name) \(SampleFileFormat.version)\n")
    for path in datasets.keys.sorted(by: SampleFileFormat.precedes) {
      guard let dataset = datasets[path] else { continue }
      try dataset.finish()
      hash.update(dataset.digestLine)
    }
    for path in attributes.keys.sorted(by: SampleFileFormat.precedes) {
      let values = attributes[path] ?? [:]
      let object = try self.object(path)
      for name in values.keys.sorted(by: SampleFileFormat.precedes) {
        guard let value = values[name] else { continue }
        try border { () throws(HDF5Error) in try object.setAttribute(name, to: value) }
        hash.update("\(path)@\(name) \(SampleFileFormat.canonical(value))\n")
      }
    }
    let digest = hash.hexadecimal()
    datasets = [:]
    groups = [:]
    raggedGroups = [:]
    try border { () throws(HDF5Error) in
      try file.root.setAttribute("digest", to: .text(digest))
      try file.flush()
      try file.close()
    }
    return digest
  }

  private func object(_ path: String) throws(DatasetError) -> any HDF5Attributed {
    if path == "/" { return file.root }
    if let dataset = datasets[path] { return dataset.attributed }
    if let group = raggedGroups[path] ?? groups[String(path.dropFirst())] { return group }
    throw DatasetError(.mismatch, "\(path): an attribute for an object that was not added")
  }

  private func sync(_ path: String, _ flags: Int32) throws(DatasetError) {
    let descriptor = open(path, flags | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("cannot be opened to be synced", .ioFailure) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("cannot be synced", .ioFailure) }
  }

  private func failure(_ what: String, _ code: DatasetError.Code) -> DatasetError {
    DatasetError(code, "\(path): \(what): \(String(cString: strerror(errno)))")
  }
}

extension SampleFileFormat {
  /// The order of names in the digest: that of their bytes.
  static func precedes(_ first: String, _ second: String) -> Bool {
    first.utf8.lexicographicallyPrecedes(second.utf8)
  }

  /// The form of an attribute's value in the digest.
  static func canonical(_ value: HDF5Attribute) -> String {
    switch value {
    case .text(let text): return "text \(text.utf8.count):\(text)"
    case .texts(let texts):
      return "text " + texts.map { "\($0.utf8.count):\($0)" }.joined(separator: " ")
    case .integer(let number): return "integer \(number)"
    case .integers(let numbers):
      return "integer " + numbers.map(String.init).joined(separator: " ")
    case .number(let number): return "number \(String(number.bitPattern, radix: 16))"
    case .numbers(let numbers):
      return "number " + numbers.map { String($0.bitPattern, radix: 16) }.joined(separator: " ")
    }
  }
}
