import Configuration
import Datasets
import HDF5

/// Passes samples on to the writer, and sums up the training images on the way.
final class SampleSink {
  fileprivate let writer: SampleFileWriter
  fileprivate let fields: PreparedFields
  private var sums: [String: ChannelSums] = [:]
  /// Training samples written of each field whose sums are taken.
  private var trainingWritten: [Int]

  /// Announces every field of every split.
  ///
  /// - Parameters:
  ///   - writer: a new file.
  ///   - fields: what will be appended.
  /// - Throws: what the writer throws.
  init(_ writer: SampleFileWriter, _ fields: PreparedFields) throws {
    self.writer = writer
    self.fields = fields
    trainingWritten = Array(repeating: 0, count: fields.makers.count)
    for split in fields.splits {
      for field in fields.makers.indices { try announce(field, split) }
    }
    for maker in fields.makers {
      if let words = maker.description.words {
        try writer.addVocabulary(words.map(\.bytes), field: maker.description.name)
      }
    }
    for maker in fields.makers where fields.normalized.contains(maker.description.name) {
      sums[maker.description.name] = ChannelSums(channels: maker.description.sampleShape[2])
    }
  }

  private func announce(_ field: Int, _ split: PlannedSplit) throws {
    let description = fields.makers[field].description
    let present =
      fields.isOptional(field)
      ? split.rows.map { fields.isPresent(field, split.origin, $0) } : nil
    if description.isRagged {
      try writer.addRaggedField(
        description.sampleField, split: split.name,
        lengths: split.rows.map { fields.steps(field, split.origin, $0) })
      if let present {
        try writer.addPresence(present, split: split.name, field: description.name)
      }
    } else if let present {
      try writer.addOptionalField(description.sampleField, split: split.name, present: present)
    } else {
      try writer.addField(
        description.sampleField, split: split.name, samples: split.rows.count)
    }
  }

  /// The samples of a field that are there, out of those that follow the ones already written.
  private func presentBytes(_ bytes: [UInt8], _ split: Int, _ field: Int) -> [UInt8] {
    guard fields.isOptional(field) else { return bytes }
    let size = fields.makers[field].description.sampleBytes
    let plan = fields.splits[split]
    return (0..<bytes.count / size).flatMap { index -> ArraySlice<UInt8> in
      let row = plan.rows[trainingWritten[field] + index]
      return fields.isPresent(field, plan.origin, row)
        ? bytes[index * size..<(index + 1) * size] : []
    }
  }

  /// Writes whole samples.
  ///
  /// - Parameters:
  ///   - bytes: in the field's stored type.
  ///   - split: the number of the split.
  ///   - field: the number of the field.
  /// - Throws: what the writer throws.
  func append(_ bytes: [UInt8], split: Int, field: Int) throws {
    guard !bytes.isEmpty else { return }
    let splitName = fields.splits[split].name
    let description = fields.makers[field].description
    let name = description.name
    if splitName == "train", sums[name] != nil {
      sums[name]?.add(presentBytes(bytes, split, field))
      trainingWritten[field] += bytes.count / description.sampleBytes
    }
    try bytes.withUnsafeBytes { raw in
      switch description.element {
      case .uint8:
        try writer.append(raw.bindMemory(to: UInt8.self), to: name, split: splitName)
      case .int16:
        try writer.append(raw.bindMemory(to: Int16.self), to: name, split: splitName)
      case .int64:
        try writer.append(raw.bindMemory(to: Int64.self), to: name, split: splitName)
      case .float32:
        try writer.append(raw.bindMemory(to: Float.self), to: name, split: splitName)
      }
    }
  }

  /// Writes statistics, names of columns, and provenance.
  ///
  /// - Parameters:
  ///   - recipe: what the samples were made by.
  ///   - identity: the digest of recipe and sources.
  ///   - sources: the source files.
  /// - Returns: the fields with all statistics.
  /// - Throws: what the writer throws.
  func describe(
    _ recipe: RecipeConfiguration, _ identity: String, _ sources: [PreparationSummary.Source]
  ) throws -> [FieldDescription] {
    writer.setAttribute("name", to: .text(recipe.name))
    writer.setAttribute("identity", to: .text(identity))
    writer.setAttribute("synthetic", to: .integer(recipe.isSynthetic ? 1 : 0))
    if recipe.isSynthetic {
      writer.setAttribute(
        "provenance",
        to: .text(
          "synthetic: drawn from a seed by aimass, not measured; results on it prove nothing"
            + " about real data"))
    }
    if !sources.isEmpty {
      writer.setAttribute("sourceNames", to: .texts(sources.map(\.path)))
      writer.setAttribute("sourceDigests", to: .texts(sources.map(\.digest)))
    }
    describeBadFiles()
    for (split, streams) in zip(fields.splits, fields.streams) {
      guard let streams else { continue }
      writer.setAttribute("streams", to: .integer(Int64(streams)), split: split.name)
    }
    return try fields.makers.map { maker in
      var description = maker.description
      if let sums = sums[description.name] {
        description.mean = sums.mean
        description.std = sums.std
      }
      if let mean = description.mean, let std = description.std {
        try writer.setNormalization(of: description.name, mean: mean, std: std)
      }
      if let columns = description.columns {
        writer.setAttribute("columns", to: .texts(columns), field: description.name)
      }
      for (name, value) in description.attributes {
        writer.setAttribute(name, to: value, field: description.name)
      }
      return description
    }
  }
}

extension SampleSink {
  /// Files that were left out: how many, and the first of them, as many as an attribute holds.
  private func describeBadFiles() {
    guard !fields.badFiles.isEmpty else { return }
    writer.setAttribute("badFileCount", to: .integer(Int64(fields.badFiles.count)))
    var left = 16 << 10
    let lines = fields.badFiles.map { "\($0.source): \($0.path): \($0.reason)" }.prefix { line in
      left -= line.utf8.count + 1
      return left >= 0
    }
    writer.setAttribute("badFiles", to: .texts(Array(lines)))
  }
}

extension FieldDescription {
  /// The writer's form.
  var sampleField: SampleField {
    SampleField(
      name: name, element: element, sampleShape: sampleShape, axes: axes, modality: modality,
      classes: classes ?? [], classCount: classCount)
  }

  /// One letter per extent of the dataset.
  private var axes: String {
    if isRagged { return sampleShape.isEmpty ? "ST" : "STF" }
    return switch (modality, sampleShape.count) {
    case ("table", _): "SF"
    case (_, 0): "S"
    case (_, 1): "ST"
    case (_, 2): "STF"
    case (_, 3): "SHWC"
    default: "S" + String(repeating: "X", count: sampleShape.count)
    }
  }
}
