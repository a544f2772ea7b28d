import Buffers
import Glibc
import HDF5

/// Writes one sample file, whole or not at all.
///
/// The file grows under a temporary name beside its target; ``finish()`` completes, syncs and renames
/// it, and letting the writer go before that removes it. Fields are announced first, then their
/// samples are appended in order, in slabs of any size, in any order of fields. Equal content gives
/// equal bytes. The format is described at ``SampleFileFormat``.
///
///     let writer = try SampleFileWriter(path: "mnist.h5")
///     try writer.addField(image, split: "train", samples: 60_000)
///     try writer.append(pixels, to: "image", split: "train")
///     try writer.setNormalization(of: "image", mean: [33.3], std: [78.6])
///     let digest = try writer.finish()
public final class SampleFileWriter {
  /// The target.
  public let path: String
  let temporaryPath: String
  let deflate: Int?
  let file: HDF5File
  var groups: [String: HDF5Group] = [:]
  var datasets: [String: SampleDatasetWriter] = [:]
  /// Ragged fields: `/SPLIT/FIELD` to its group.
  var raggedGroups: [String: HDF5Group] = [:]
  var fields: [String: SampleField] = [:]
  /// Attributes to be written at the end, by object path and name.
  var attributes: [String: [String: HDF5Attribute]] = [:]
  var isEnded = false

  /// Begins a sample file.
  ///
  /// - Parameters:
  ///   - path: the target; an existing file is replaced at the end, by rename.
  ///   - deflate: zlib's level 1 to 9, or nil for uncompressed chunks, which are read fastest.
  /// - Throws: ``DatasetError`` `.cannotCreate` if the folder is missing or read-only.
  public init(path: String, deflate: Int? = nil) throws(DatasetError) {
    precondition(deflate.map { (1...9).contains($0) } ?? true, "deflate level \(deflate ?? 0)")
    self.path = path
    self.deflate = deflate
    let folder = SampleFileWriter.folder(of: path)
    let name = path.split(separator: "/").last.map(String.init) ?? path
    temporaryPath = "\(folder)/\(TemporaryName(of: name).text)"
    guard access(folder, W_OK | X_OK) == 0 else {
      let reason = String(cString: strerror(errno))
      throw DatasetError(.cannotCreate, "\(path): nothing can be written to \(folder): \(reason)")
    }
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      throw DatasetError(.cannotCreate, "\(path): is a folder or a device; name a file")
    }
    let temporary = temporaryPath
    TemporaryName.removeAbandoned(of: name, in: folder)
    unlink(temporary)
    do throws(DatasetError) {
      file = try border { () throws(HDF5Error) in try HDF5File(creating: temporary) }
    } catch {
      unlink(temporary)
      throw error
    }
  }

  deinit { abort() }

  /// Announces a field of a split with one sample shape.
  ///
  /// - Parameters:
  ///   - field: what it is; the same in every split.
  ///   - split: the split's group, for example `train`.
  ///   - samples: S, at least 1.
  /// - Throws: ``DatasetError`` `.mismatch` without samples, `.ioFailure`.
  public func addField(
    _ field: SampleField, split: String, samples: Int
  ) throws(DatasetError) {
    guard samples > 0 else {
      throw DatasetError(.mismatch, "/\(split)/\(field.name): a split needs at least one sample")
    }
    let group = try self.group(split)
    datasets["/\(split)/\(field.name)"] = try SampleDatasetWriter(
      in: group, field.name, field.element, rows: samples, rowShape: field.sampleShape,
      deflate: deflate)
    try describe(field, "/\(split)/\(field.name)")
  }

  /// Announces a field of a split whose samples differ in length.
  ///
  /// - Parameters:
  ///   - field: what it is; its sample shape is that of one time step.
  ///   - split: the split's group, for example `train`.
  ///   - lengths: each sample's length, S of them.
  /// - Throws: ``DatasetError`` `.mismatch` without samples or without any values, `.ioFailure`.
  public func addRaggedField(
    _ field: SampleField, split: String, lengths: [Int]
  ) throws(DatasetError) {
    let total = lengths.reduce(0, +)
    guard total > 0 else {
      throw DatasetError(
        .mismatch,
        "/\(split)/\(field.name): all \(lengths.count) samples are empty; give the split samples with content, or"
          + " leave it out")
    }
    let path = "/\(split)/\(field.name)"
    let parent = try group(split)
    let group = try border { () throws(HDF5Error) in try parent.createGroup(field.name) }
    raggedGroups[path] = group
    let values = try SampleDatasetWriter(
      in: group, "values", field.element, rows: total, rowShape: field.sampleShape,
      deflate: deflate)
    let offsets = try SampleDatasetWriter(
      in: group, "offsets", .int64, rows: lengths.count + 1, rowShape: [], deflate: deflate)
    datasets["\(path)/values"] = values
    datasets["\(path)/offsets"] = offsets
    var ends: [Int64] = [0]
    for length in lengths { ends.append((ends.last ?? 0) + Int64(length)) }
    try offsets.appendArray(ends)
    try describe(field, path)
  }

  /// Appends samples of a field.
  ///
  /// - Parameters:
  ///   - values: whole samples in the field's stored type, in C order.
  ///   - field: the field's name.
  ///   - split: the split's group.
  /// - Throws: ``DatasetError``: `.mismatch` for parts of samples, too many, or another type;
  ///   `.label` outside the classes; `.nonFinite`; `.ioFailure`.
  public func append<Scalar: HDF5Scalar>(
    _ values: [Scalar], to field: String, split: String
  ) throws(DatasetError) {
    try values.withUnsafeBufferPointer { (buffer) throws(DatasetError) in
      try append(buffer, to: field, split: split)
    }
  }

  /// Appends samples of a field from memory; as ``append(_:to:split:)`` of an array.
  public func append<Scalar: HDF5Scalar>(
    _ values: UnsafeBufferPointer<Scalar>, to field: String, split: String
  ) throws(DatasetError) {
    guard !isEnded else { preconditionFailure("\(path): appending to a file that has ended") }
    let path = "/\(split)/\(field)"
    guard let dataset = datasets[path] ?? datasets["\(path)/values"], let known = fields[field]
    else {
      throw DatasetError(.mismatch, "\(path): the field was not announced by addField")
    }
    guard dataset.element.scalar == Scalar.element else {
      throw DatasetError(
        .mismatch, "\(path): stores \(dataset.element.rawValue), not \(Scalar.element)")
    }
    try SampleFileWriter.examine(values, known, path)
    try dataset.append(UnsafeRawBufferPointer(values))
  }

  /// Removes what was written; does nothing after ``finish()``.
  public func abort() {
    guard !isEnded else { return }
    isEnded = true
    datasets = [:]
    groups = [:]
    raggedGroups = [:]
    try? file.close()
    unlink(temporaryPath)
  }

  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
