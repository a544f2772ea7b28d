import HDF5

extension SampleFileWriter {
  /// Announces a field of a split that some samples lack.
  ///
  /// The field becomes a group of `values`, with a row for every sample, and `present`, uint8 `[S]`. Rows of
  /// samples that lack it are appended like the others, as zeros.
  ///
  /// - Parameters:
  ///   - field: what it is; the same in every split.
  ///   - split: the split's group.
  ///   - present: whether each sample has the field, S of them.
  /// - Throws: ``DatasetError`` `.mismatch` without samples, `.ioFailure`.
  public func addOptionalField(
    _ field: SampleField, split: String, present: [Bool]
  ) throws(DatasetError) {
    guard !present.isEmpty else {
      throw DatasetError(.mismatch, "/\(split)/\(field.name): a split needs at least one sample")
    }
    let path = "/\(split)/\(field.name)"
    let parent = try group(split)
    let group = try border { () throws(HDF5Error) in try parent.createGroup(field.name) }
    raggedGroups[path] = group
    datasets["\(path)/values"] = try SampleDatasetWriter(
      in: group, "values", field.element, rows: present.count, rowShape: field.sampleShape,
      deflate: deflate)
    try addPresence(present, split: split, field: field.name)
    try describe(field, path)
  }

  /// Adds to a field of unequal lengths which samples have it at all; the others have length 0.
  ///
  /// - Parameters:
  ///   - present: whether each sample has the field, S of them.
  ///   - split: the split's group.
  ///   - field: a field that is a group already.
  /// - Throws: ``DatasetError`` `.mismatch` for another field, `.ioFailure`.
  public func addPresence(_ present: [Bool], split: String, field: String) throws(DatasetError) {
    let path = "/\(split)/\(field)"
    guard let group = raggedGroups[path] else {
      throw DatasetError(.mismatch, "\(path): the field was not announced as a group")
    }
    let flags = try SampleDatasetWriter(
      in: group, "present", .uint8, rows: present.count, rowShape: [], deflate: deflate)
    datasets["\(path)/present"] = flags
    let bytes = present.map { $0 ? UInt8(1) : 0 }
    try bytes.withUnsafeBufferPointer { (buffer) throws(DatasetError) in
      try flags.append(UnsafeRawBufferPointer(buffer))
    }
  }

  /// Stores the text of every id of a field: `/vocabularies/FIELD`, `bytes` and `offsets`.
  ///
  /// - Parameters:
  ///   - words: the bytes of each id, in order; at least one byte in all.
  ///   - field: the field's name.
  /// - Throws: ``DatasetError`` `.mismatch` without bytes, `.ioFailure`.
  public func addVocabulary(_ words: [[UInt8]], field: String) throws(DatasetError) {
    let bytes = Array(words.joined())
    let path = "/\(SampleVocabulary.group)/\(field)"
    guard !bytes.isEmpty else {
      throw DatasetError(.mismatch, "\(path): a vocabulary needs at least one byte")
    }
    let parent = try group(SampleVocabulary.group)
    let group = try border { () throws(HDF5Error) in try parent.createGroup(field) }
    let values = try SampleDatasetWriter(
      in: group, "bytes", .uint8, rows: bytes.count, rowShape: [], deflate: deflate)
    let offsets = try SampleDatasetWriter(
      in: group, "offsets", .int64, rows: words.count + 1, rowShape: [], deflate: deflate)
    datasets["\(path)/bytes"] = values
    datasets["\(path)/offsets"] = offsets
    try bytes.withUnsafeBufferPointer { (buffer) throws(DatasetError) in
      try values.append(UnsafeRawBufferPointer(buffer))
    }
    var ends: [Int64] = [0]
    for word in words { ends.append((ends.last ?? 0) + Int64(word.count)) }
    try offsets.appendArray(ends)
  }
}
