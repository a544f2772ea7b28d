import Buffers
import Configuration
import Foundation
import HDF5
import Tensors

/// The samples that a configuration names, opened and examined.
///
/// A sample file's fields are found by its groups; a user's own file is read through the datasets that
/// the configuration names. Several files follow one another in order, split by split.
///
/// Values are normalised with the configuration's `mean` and `std`, else with a sample file's
/// attributes; uint8 pictures (two or more extents per sample) that have neither are divided by 255.
/// Without a `kind`, whole numbers with one number per sample are labels, all else is values. The
/// classes of a label that nobody counted are one more than the greatest label of the training split.
public final class Dataset: Sendable {
  /// The files, in sample order.
  public let paths: [String]
  /// Identifies the samples, whatever the files are called: the root digest of a sample file, the
  /// SHA-256 of the root digests of several, and for users' files that of extents, types and the
  /// numbers of 64 samples per dataset, spread evenly.
  public let digest: String

  /// The fields whose numbers no checksum covers: damage to them would be read as data.
  public let unprotectedFields: [String]

  let configuration: DataConfiguration
  let files: [OpenFile]
  let plans: [FieldPlan]
  let assignment: SplitAssignment?
  let memory: InputMemory
  /// The same files with the fields that decide the sampling; nil where each sample comes once.
  let drawing: Dataset?
  private let vocabularies: [String: SampleVocabulary]
  private let made = SplitBox()

  /// Opens the files and finds the fields.
  ///
  /// - Parameters:
  ///   - configuration: files, fields and splits.
  ///   - folder: where relative paths are looked for before `AIMASS_DATA`.
  ///   - needed: the fields to deliver, in this order; nil for all.
  ///   - memoryBytes: what the job may use of the node's memory; nil is all of it. Files of more than half of that
  ///     are not counted on to stay in the page cache.
  ///   - cacheBytes: for compressed datasets, decoded bytes kept per split; nil is an eighth of the
  ///     memory, at most 512 MiB.
  /// - Throws: ``DatasetError``.
  public init(
    _ configuration: DataConfiguration, relativeTo folder: String, fields needed: [String]? = nil,
    memoryBytes: Int? = nil, cacheBytes: Int? = nil
  ) throws(DatasetError) {
    paths = try Dataset.paths(of: configuration, relativeTo: folder)
    self.configuration = configuration
    memory = InputMemory(
      nodeBytes: memoryBytes ?? Int(clamping: ProcessInfo.processInfo.physicalMemory),
      fileBytes: paths.reduce(0) { $0 + DataFiles.byteCount(of: $1) }, cacheBytes: cacheBytes)
    var files: [OpenFile] = []
    for path in paths { files.append(try OpenFile(path, memory)) }
    self.files = files
    assignment = try Dataset.assignment(configuration.split)
    plans = try FieldPlan.make(configuration, files, needed: needed)
    drawing = try Dataset.drawing(configuration, folder, memoryBytes: memory.nodeBytes)
    let others = (drawing?.plans ?? []).filter { [plans] plan in
      !plans.contains { $0.name == plan.name }
    }
    digest = try Dataset.digest(files, plans + others, configuration)
    unprotectedFields = try Dataset.unprotected(files, plans + others, configuration)
    // Read at once, so that damage is heard; read when asked for, it would pass for a file without words.
    var vocabularies: [String: SampleVocabulary] = [:]
    for plan in plans + others where files[0].isSampleFile {
      vocabularies[plan.name] = try SampleVocabulary.ifAny(of: plan.name, in: files[0].root)
    }
    self.vocabularies = vocabularies
  }

  /// The files that a configuration names, without opening them.
  ///
  /// - Parameters:
  ///   - configuration: names or globs.
  ///   - folder: where relative paths are looked for before `AIMASS_DATA`.
  /// - Returns: at least one path for each entry, in order.
  /// - Throws: ``DatasetError`` `.missing` or `.configuration`.
  public static func paths(
    of configuration: DataConfiguration, relativeTo folder: String
  ) throws(DatasetError) -> [String] {
    try DataFiles.resolve(
      configuration.files, folder: folder,
      fallback: ProcessInfo.processInfo.environment["AIMASS_DATA"])
  }

  /// Whether ``digest`` covers every number: of users' files it covers some samples.
  public var isDigestedWhole: Bool { files.allSatisfy { $0.digest != nil } }

  /// Whether a sample file says that its samples were drawn rather than measured.
  public var isSynthetic: Bool { files.contains(where: \.isSynthetic) }

  /// What a person should know of files without checksums; nil where all numbers have them.
  public var checksumNote: String? {
    guard !unprotectedFields.isEmpty else { return nil }
    return
      "no checksum covers \(unprotectedFields.joined(separator: ", ")) of \(name): damage to the file would be "
      + "read as data; write it with Fletcher32, or prepare it"
  }

  /// The files by name, for messages.
  public var name: String { paths.joined(separator: ", ") }

  /// The bytes that the ids of a field stand for, where the first file is a sample file that has them: the
  /// names of a label's classes, or a vocabulary.
  ///
  /// - Parameter field: the field's name.
  /// - Returns: the bytes of each id, in order.
  public func idTexts(_ field: String) -> [[UInt8]]? {
    if let names = (try? split(.train))??.classNames(field) { return names.map { Array($0.utf8) } }
    return vocabulary(of: field)?.words
  }

  /// The vocabulary of a field, where the first file is a sample file that has one.
  ///
  /// - Parameter field: the field's name.
  /// - Returns: the words.
  public func vocabulary(of field: String) -> SampleVocabulary? { vocabularies[field] }

  /// The samples of a role, or nil where the files have none.
  ///
  /// - Parameter role: what the samples are for.
  /// - Returns: the same object each time.
  /// - Throws: ``DatasetError`` where datasets are missing or do not fit one another.
  public func split(_ role: SplitRole) throws(DatasetError) -> Split? {
    try made.split(role) { () throws(DatasetError) in try makeSplit(role) }
  }

  /// The order of samples: `full` where the configuration samples, what is configured, else `window` where the training samples take more
  /// than half of the memory, else `full`.
  ///
  /// Decided by the numbers' size alone, so that compressing a file does not change a run.
  ///
  /// - Parameters:
  ///   - configured: the configuration's choice.
  ///   - memoryBytes: what the job may use of the node's memory; nil is what the files were opened with.
  /// - Returns: the mode to record.
  /// - Throws: ``DatasetError`` if the training split cannot be opened.
  public func resolvedShuffle(
    _ configured: DataConfiguration.Shuffle?, memoryBytes: Int? = nil
  ) throws(DatasetError) -> DataConfiguration.Shuffle {
    if configuration.sampling != nil { return .full }
    if let configured { return configured }
    let bytes = try split(.train)?.byteCount ?? 0
    return bytes > (memoryBytes ?? memory.nodeBytes) / 2 ? .window : .full
  }

  private static func drawing(
    _ configuration: DataConfiguration, _ folder: String, memoryBytes: Int
  ) throws(DatasetError) -> Dataset? {
    guard let sampling = configuration.sampling else { return nil }
    var plain = configuration
    plain.sampling = nil
    return try Dataset(
      plain, relativeTo: folder, fields: sampling.fields, memoryBytes: memoryBytes)
  }

  private static func assignment(
    _ split: SplitConfiguration?
  ) throws(DatasetError) -> SplitAssignment? {
    guard let split else { return nil }
    if let folds = split.folds {
      guard let fold = split.fold, folds >= 2, (0..<folds).contains(fold) else {
        throw DatasetError(
          .configuration, "data.split: fold must be in 0..<\(folds), and folds at least 2")
      }
      return SplitAssignment(seed: split.seed, rule: .fold(fold, of: folds))
    }
    guard split.fold == nil else {
      throw DatasetError(.configuration, "data.split: fold needs folds, their number")
    }
    let (validation, test) = (split.validation, split.test)
    guard validation >= 0, test >= 0, validation + test < 1 else {
      throw DatasetError(
        .configuration,
        "data.split: validation \(validation) and test \(test) leave nothing to train")
    }
    return SplitAssignment(seed: split.seed, rule: .shares(validation: validation, test: test))
  }

  /// Makes each split once.
  private final class SplitBox: @unchecked Sendable {
    private let lock = NSLock()
    private var splits: [SplitRole: Split?] = [:]

    func split(
      _ role: SplitRole, _ make: () throws(DatasetError) -> Split?
    ) throws(DatasetError) -> Split? {
      lock.lock()
      defer { lock.unlock() }
      if let split = splits[role] { return split }
      let split = try make()
      splits[role] = .some(split)
      return split
    }
  }
}
