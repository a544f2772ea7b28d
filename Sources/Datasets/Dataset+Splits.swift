import Configuration
import HDF5

extension Dataset {
  /// Opens the datasets of a role in all files that have them.
  func makeSplit(_ role: SplitRole) throws(DatasetError) -> Split? {
    guard let source = sourceRole(of: role) else { return nil }
    let group = groupName(source)
    var parts: [(file: OpenFile, datasets: [HDF5Dataset])] = []
    for file in files {
      guard let datasets = try datasets(of: file, group) else { continue }
      parts.append((file, datasets))
    }
    guard !parts.isEmpty else { return nil }
    let rows = parts.reduce(0) { $0 + $1.datasets[0].rowCount }
    var selection: [Int]?
    if source != role || (role == .train && assignment != nil) {
      selection = assignment?.samples(of: role, among: rows)
      guard selection?.isEmpty == false else {
        throw DatasetError(
          .mismatch, "\(paths[0]): data.split leaves no sample of \(rows) for \(role.rawValue)")
      }
    }
    let totalBytes = parts.reduce(0) { $0 + $1.datasets.reduce(0) { $0 + $1.byteCount } }
    var fields: [SplitField] = []
    for (index, plan) in plans.enumerated() {
      var description = try FieldDescription(plan, parts[0].datasets[index])
      var segments: [FieldSegment] = []
      for part in parts {
        let dataset = part.datasets[index]
        try requireAgreement(description, plan, dataset)
        let share = Double(dataset.byteCount) / Double(max(1, totalBytes))
        let cache = Int(Double(cacheBytes) * share)
        segments.append(
          FieldSegment(
            start: (segments.last?.end ?? 0),
            source: try RowSources.make(dataset, in: part.file, cacheBytes: cache)))
      }
      if description.isLabel, description.classes == nil {
        description.classes = try inferClasses(index, plan, segments)
      }
      fields.append(SplitField(description, segments))
    }
    return Split(role: role, fields: fields, rows: rows, selection: selection)
  }

  /// The role whose group holds the samples of `role`, or nil where there are none.
  private func sourceRole(of role: SplitRole) -> SplitRole? {
    let hasGroups = plans.contains(where: \.hasSplit)
    switch assignment?.rule {
    case .fold where role != .test: return .train
    case .shares(let validation, _) where role == .validation && validation > 0: return .train
    case .shares(_, let test) where role == .test && test > 0: return .train
    default: return hasGroups || role == .train ? role : nil
    }
  }

  private func groupName(_ role: SplitRole) -> String {
    configuration.splits[role.rawValue] ?? role.rawValue
  }

  /// One dataset per field, or nil where the file has none of them.
  private func datasets(
    of file: OpenFile, _ group: String
  ) throws(DatasetError) -> [HDF5Dataset]? {
    try border { () throws(HDF5Error) in
      let paths = plans.filter { $0.hasSplit || plans.allSatisfy { !$0.hasSplit } }
        .map { $0.path(in: group) }
      var present = false
      for path in paths where !present { present = try file.root.member(path) != nil }
      let isTemplated = plans.contains(where: \.hasSplit)
      guard present || !isTemplated else { return nil }
      let datasets = try plans.map { (plan) throws(HDF5Error) in
        try file.root.dataset(plan.path(in: group))
      }
      for dataset in datasets where dataset.rowCount != datasets[0].rowCount {
        throw HDF5Error(
          .shapeMismatch, at: dataset.location,
          "has \(dataset.rowCount) samples, but \(datasets[0].path) has \(datasets[0].rowCount)")
      }
      return datasets
    }
  }

  /// Throws unless a later file's dataset is of the first one's kind.
  private func requireAgreement(
    _ first: FieldDescription, _ plan: FieldPlan, _ dataset: HDF5Dataset
  ) throws(DatasetError) {
    let other = try FieldDescription(plan, dataset)
    guard other.sampleShape == first.sampleShape, other.isLabel == first.isLabel,
      other.isIdentifier == first.isIdentifier
    else {
      throw DatasetError(
        .mismatch,
        "\(dataset.location): samples of \(other.sampleShape), but the first file has \(first.sampleShape)"
      )
    }
    guard other.mean == first.mean, other.std == first.std, other.classes == first.classes,
      other.classNames == first.classNames
    else {
      throw DatasetError(
        .mismatch,
        "\(dataset.location): mean, std or classes differ from the first file's; name them under "
          + "data.fields")
    }
  }

  /// One more than the greatest label of the training split, or of `segments` where there is none.
  private func inferClasses(
    _ index: Int, _ plan: FieldPlan, _ segments: [FieldSegment]
  ) throws(DatasetError) -> Int? {
    var segments = segments
    if plan.hasSplit {
      var training: [FieldSegment] = []
      for file in files {
        guard let datasets = try datasets(of: file, groupName(.train)) else { continue }
        let source = try RowSources.make(datasets[index], in: file, cacheBytes: 0)
        training.append(FieldSegment(start: training.last?.end ?? 0, source: source))
      }
      if !training.isEmpty { segments = training }
    }
    var greatest: Int64 = -1
    let scalars = segments[0].scalarsPerRow
    let reader = RowConverter(count: scalars, channels: 1, mean: nil, std: nil, classes: nil)
    let labels = UnsafeMutablePointer<Int64>.allocate(capacity: scalars)
    defer { labels.deallocate() }
    for segment in segments {
      for row in 0..<segment.source.rowCount {
        try segment.labels(row, reader, into: labels, sample: segment.start + row)
        for index in 0..<scalars { greatest = max(greatest, labels[index]) }
      }
    }
    return Int(greatest + 1)
  }
}
