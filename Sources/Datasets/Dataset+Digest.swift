import Buffers
import Configuration
import HDF5

extension Dataset {
  /// Samples of a user's dataset that enter the digest.
  private static let digestSamples = 64

  /// See ``digest``.
  static func digest(
    _ files: [OpenFile], _ plans: [FieldPlan], _ configuration: DataConfiguration
  ) throws(DatasetError) -> String {
    let digests = files.compactMap(\.digest)
    if digests.count == files.count {
      if digests.count == 1 { return digests[0] }
      var hash = SHA256()
      hash.update(digests.joined(separator: "\n"))
      return hash.hexadecimal()
    }
    var hash = SHA256()
    try forEachDataset(files, plans, configuration) { (dataset, _, file) throws(DatasetError) in
      try add(dataset, file, to: &hash)
    }
    return hash.hexadecimal()
  }

  /// The fields of users' files with numbers that no checksum covers, each once.
  static func unprotected(
    _ files: [OpenFile], _ plans: [FieldPlan], _ configuration: DataConfiguration
  ) throws(DatasetError) -> [String] {
    var names: [String] = []
    let users = files.filter { !$0.isSampleFile }
    try forEachDataset(users, plans, configuration) { (dataset, plan, _) throws(DatasetError) in
      if case .chunked(_, let filters) = dataset.layout, filters.contains(.fletcher32) { return }
      if !names.contains(plan.name) { names.append(plan.name) }
    }
    return names
  }

  /// Visits the datasets of all fields, file by file.
  private static func forEachDataset(
    _ files: [OpenFile], _ plans: [FieldPlan], _ configuration: DataConfiguration,
    _ body: (HDF5Dataset, FieldPlan, OpenFile) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    for file in files {
      for plan in plans {
        let groups = SplitRole.allCases.map { configuration.splits[$0.rawValue] ?? $0.rawValue }
        for path in plan.hasSplit ? groups.map(plan.path(in:)) : [plan.path] {
          let datasets = try border { () throws(HDF5Error) in
            try file.root.member(path) == nil ? [] : try FieldDatasets(file.root, path).all
          }
          for dataset in datasets { try body(dataset, plan, file) }
        }
      }
    }
  }

  /// Adds a dataset's name, type, extents and some of its samples.
  private static func add(
    _ dataset: HDF5Dataset, _ file: OpenFile, to hash: inout SHA256
  ) throws(DatasetError) {
    let source = try RowSources.make(dataset, in: file, share: 0).own
    hash.update("\(dataset.path) \(source.kind.rawValue) \(dataset.shape)\n")
    let rows = dataset.rowCount
    let count = min(rows, digestSamples)
    let bytes = dataset.scalarsPerRow * source.kind.byteCount
    guard count > 0, bytes > 0 else { return }
    let sample = HostBuffer<UInt8>(count: bytes)
    for index in 0..<count {
      let row = count == 1 ? 0 : index * (rows - 1) / (count - 1)
      try source.withRows(row..<row + 1) { (raw, _) throws(DatasetError) in
        UnsafeMutableRawPointer(sample.base).copyMemory(from: raw, byteCount: bytes)
      }
      hash.update(UnsafeRawBufferPointer(sample.all))
    }
  }
}
