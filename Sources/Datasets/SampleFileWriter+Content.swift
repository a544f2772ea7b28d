import HDF5

extension SampleField.Element {
  /// The stored scalar.
  var scalar: HDF5Element {
    switch self {
    case .uint8: return UInt8.element
    case .int16: return Int16.element
    case .int64: return Int64.element
    case .float32: return Float.element
    }
  }
}

extension SampleDatasetWriter {
  /// Appends numbers of an array.
  func appendArray(_ values: [Int64]) throws(DatasetError) {
    try values.withUnsafeBufferPointer { (buffer) throws(DatasetError) in
      try append(UnsafeRawBufferPointer(buffer))
    }
  }
}

extension SampleFileWriter {
  /// Stores the statistics of the training split, in stored units, with a field of every split.
  ///
  /// - Parameters:
  ///   - field: the field's name.
  ///   - mean: one number, or one per index of the last axis.
  ///   - std: likewise; each above zero (write 1 for a column that never changes).
  /// - Throws: ``DatasetError`` `.mismatch` for wrong counts or a deviation that is not positive.
  public func setNormalization(
    of field: String, mean: [Double], std: [Double]
  ) throws(DatasetError) {
    guard let known = fields[field] else {
      throw DatasetError(.mismatch, "\(field): the field was not announced by addField")
    }
    let channels = known.sampleShape.last ?? 1
    for (word, values) in [("mean", mean), ("std", std)] {
      guard values.count == 1 || values.count == channels, values.allSatisfy(\.isFinite) else {
        throw DatasetError(
          .mismatch,
          "\(field): \(word) has \(values.count) numbers; 1 or \(channels) finite ones are needed")
      }
    }
    guard std.allSatisfy({ $0 > 0 }) else {
      throw DatasetError(
        .mismatch, "\(field): std must be above zero; write 1 for constant columns")
    }
    for path in fieldPaths(field) {
      attributes[path, default: [:]]["mean"] = .numbers(mean)
      attributes[path, default: [:]]["std"] = .numbers(std)
    }
  }

  /// Attaches a value to the root, a split's group, or a field.
  ///
  /// - Parameters:
  ///   - name: the attribute's name.
  ///   - value: the value; a second one of the same name replaces the first.
  ///   - split: the split's group, or nil.
  ///   - field: the field's name; without a split, the field of every split.
  public func setAttribute(
    _ name: String, to value: HDF5Attribute, split: String? = nil, field: String? = nil
  ) {
    var paths = ["/"]
    switch (split, field) {
    case (let split?, let field?): paths = ["/\(split)/\(field)"]
    case (let split?, nil): paths = ["/\(split)"]
    case (nil, let field?): paths = fieldPaths(field)
    case (nil, nil): break
    }
    for path in paths { attributes[path, default: [:]][name] = value }
  }

  /// The objects of a field in all splits.
  func fieldPaths(_ field: String) -> [String] {
    groups.keys.map { "/\($0)/\(field)" }.filter { datasets[$0] != nil || raggedGroups[$0] != nil }
  }

  /// The group of a split, made when first asked for.
  func group(_ split: String) throws(DatasetError) -> HDF5Group {
    if let group = groups[split] { return group }
    let group = try border { () throws(HDF5Error) in try file.root.createGroup(split) }
    groups[split] = group
    return group
  }

  /// Notes a field's attributes.
  func describe(_ field: SampleField, _ path: String) throws(DatasetError) {
    if let other = fields[field.name], other != field {
      throw DatasetError(.mismatch, "\(path): another split has \(other), this one \(field)")
    }
    fields[field.name] = field
    var values: [String: HDF5Attribute] = [:]
    values["modality"] = .text(field.modality)
    values["axes"] = .text(field.axes)
    if !field.classes.isEmpty {
      values["classes"] = .texts(field.classes)
    } else if let count = field.classCount {
      values["classes"] = .integer(Int64(count))
    }
    attributes[path, default: [:]].merge(values) { $1 }
  }

  /// Throws for labels outside the classes and values that are not finite.
  static func examine<Scalar: HDF5Scalar>(
    _ values: UnsafeBufferPointer<Scalar>, _ field: SampleField, _ path: String
  ) throws(DatasetError) {
    let raw = UnsafeRawBufferPointer(values)
    switch field.element {
    case .uint8, .int16: return
    case .int64:
      guard let count = field.labelCount else { return }
      for label in raw.bindMemory(to: Int64.self) where label < 0 || label >= Int64(count) {
        throw DatasetError(.label, "\(path): label \(label) is outside 0..<\(count)")
      }
    case .float32:
      for value in raw.bindMemory(to: Float.self) where !value.isFinite {
        throw DatasetError(.nonFinite, "\(path): \(value) among the values; clean the source")
      }
    }
  }
}
