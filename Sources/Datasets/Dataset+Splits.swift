import Configuration
import HDF5

extension Dataset {
  /// Opens the datasets of a role in all files that have them.
  func makeSplit(_ role: SplitRole) throws(DatasetError) -> Split? {
    guard let source = sourceRole(of: role) else { return nil }
    let group = groupName(source)
    let parts = try self.parts(group)
    guard !parts.isEmpty else { return nil }
    let rows = parts.reduce(0) { $0 + $1.datasets[0].sampleCount }
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
      (description.longest, description.isOptional) = try extents(index)
      var segments: [FieldSegment] = []
      for part in parts {
        let datasets = part.datasets[index]
        try requireAgreement(description, plan, datasets)
        let share = Double(datasets.byteCount) / Double(max(1, totalBytes))
        segments.append(
          try FieldSegment(
            start: segments.last?.end ?? 0, datasets, in: part.file,
            share: share))
      }
      if description.isLabel, description.classes == nil {
        description.classes = try inferClasses(index, plan, segments)
      }
      fields.append(SplitField(description, segments))
    }
    return Split(
      role: role, fields: fields, rows: rows, selection: selection,
      streams: selection == nil ? try streams(parts, group) : nil, aheadBytes: memory.aheadBytes)
  }

  /// What the attribute `streams` of all files says of a split, or nil where they differ or say nothing.
  private func streams(
    _ parts: [(file: OpenFile, datasets: [FieldDatasets])], _ group: String
  ) throws(DatasetError) -> Int? {
    let isTemplated = plans.contains(where: \.hasSplit)
    let found = try border { () throws(HDF5Error) in
      try parts.map { (part) throws(HDF5Error) -> Int? in
        let object = isTemplated ? try part.file.root.group(group) : part.file.root
        return try object.plainAttribute("streams")?.asInteger.map { Int($0) }
      }
    }
    guard let first = found[0], first > 0, found.allSatisfy({ $0 == first }) else { return nil }
    return first
  }

  /// The files that have a split's group, with one entry per field.
  private func parts(
    _ group: String
  ) throws(DatasetError) -> [(file: OpenFile, datasets: [FieldDatasets])] {
    var parts: [(file: OpenFile, datasets: [FieldDatasets])] = []
    for file in files {
      guard let datasets = try datasets(of: file, group) else { continue }
      parts.append((file, datasets))
    }
    return parts
  }

  /// The most steps of a sample of a field, and whether one may lack it, over all splits, so that one
  /// compiled model serves them all.
  private func extents(_ index: Int) throws(DatasetError) -> (longest: Int?, isOptional: Bool) {
    var longest: Int?
    var isOptional = false
    let groups = plans.contains(where: \.hasSplit) ? SplitRole.allCases.map(groupName) : [""]
    for group in groups {
      for part in try parts(group) {
        let datasets = part.datasets[index]
        isOptional = isOptional || datasets.present != nil
        guard datasets.offsets != nil else { continue }
        let most = try FieldExtents(datasets, in: part.file).longest ?? 1
        longest = max(longest ?? 1, most)
      }
    }
    return (longest, isOptional)
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

  /// The datasets of each field, or nil where the file has none of them.
  private func datasets(
    of file: OpenFile, _ group: String
  ) throws(DatasetError) -> [FieldDatasets]? {
    try border { () throws(HDF5Error) in
      let paths = plans.filter { $0.hasSplit || plans.allSatisfy { !$0.hasSplit } }
        .map { $0.path(in: group) }
      var isThere = false
      for path in paths where !isThere { isThere = try file.root.member(path) != nil }
      let isTemplated = plans.contains(where: \.hasSplit)
      guard isThere || !isTemplated else { return nil }
      let datasets = try plans.map { (plan) throws(HDF5Error) in
        try FieldDatasets(file.root, plan.path(in: group))
      }
      for other in datasets where other.sampleCount != datasets[0].sampleCount {
        throw HDF5Error(
          .shapeMismatch, at: other.values.location,
          "has \(other.sampleCount) samples, but \(datasets[0].values.path) has "
            + "\(datasets[0].sampleCount)")
      }
      return datasets
    }
  }

  /// Throws unless a later file's dataset is of the first one's kind.
  private func requireAgreement(
    _ first: FieldDescription, _ plan: FieldPlan, _ datasets: FieldDatasets
  ) throws(DatasetError) {
    let dataset = datasets.values
    let other = try FieldDescription(plan, datasets)
    guard (datasets.offsets != nil) == (first.longest != nil) else {
      throw DatasetError(
        .mismatch,
        "\(dataset.location): samples of one length and of different lengths in one field; prepare "
          + "all files alike")
    }
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
      for part in try parts(groupName(.train)) {
        let dataset = part.datasets[index].values
        guard try FieldDescription(plan, part.datasets[index]).isLabel else {
          throw DatasetError(
            .mismatch,
            "\(dataset.location): holds \(dataset.element), which are no labels, as those of another split"
              + " are; prepare all splits alike")
        }
        training.append(
          try FieldSegment(
            start: training.last?.end ?? 0, part.datasets[index], in: part.file,
            share: 0))
      }
      if !training.isEmpty { segments = training }
    }
    var greatest: Int64 = -1
    let reader = RowConverter(channels: 1, mean: nil, std: nil, classes: nil)
    let most = segments.map { ($0.extents.longest ?? 1) * $0.source.scalarsPerRow }.max() ?? 1
    let labels = UnsafeMutablePointer<Int64>.allocate(capacity: most)
    defer { labels.deallocate() }
    for segment in segments {
      for sample in 0..<segment.count {
        try segment.labels(sample, reader, into: labels, sample: segment.start + sample)
        let count = segment.extents.rows(of: sample).count * segment.source.scalarsPerRow
        for index in 0..<count { greatest = max(greatest, labels[index]) }
      }
    }
    return Int(greatest + 1)
  }
}
