import Configuration
import HDF5
import Tensors

/// What a field's numbers are, from its plan and its first dataset.
struct FieldDescription: Sendable {
  let name: String
  let sampleShape: [Int]
  let isLabel: Bool
  let isIdentifier: Bool
  let mean: [Double]?
  let std: [Double]?
  let classNames: [String]?
  var classes: Int?
  /// The most steps of a sample in any split, where samples differ in length.
  var longest: Int?
  /// Whether a sample of some split may lack the field.
  var isOptional = false

  /// The last extent: each index of it has a mean and a deviation of its own.
  var channels: Int { sampleShape.last ?? 1 }

  /// The field of a microbatch.
  var microbatchField: MicrobatchField {
    MicrobatchField(
      name: name, sampleShape: sampleShape,
      element: isLabel || isIdentifier ? .integer : .float, classes: classes,
      longest: longest, isOptional: isOptional)
  }

  /// A converter of this field's rows.
  var converter: RowConverter {
    RowConverter(channels: channels, mean: mean, std: std, classes: classes)
  }

  init(_ plan: FieldPlan, _ datasets: FieldDatasets) throws(DatasetError) {
    let dataset = datasets.values
    guard let samples = dataset.shape.first, samples > 0, dataset.scalarsPerRow > 0 else {
      throw DatasetError(
        .mismatch, "\(dataset.location): extents \(dataset.shape) hold no samples")
    }
    name = plan.name
    sampleShape = dataset.rowShape
    let attributes = try Attributes(plan.readsAttributes ? datasets.attributed : nil)
    let isInteger = dataset.element.kind != .float
    switch plan.kind {
    case .label: (isLabel, isIdentifier) = (true, false)
    case .ids: (isLabel, isIdentifier) = (false, true)
    case .value: (isLabel, isIdentifier) = (false, false)
    case nil:
      // A label of floats is a target of regression: a value.
      isIdentifier =
        isInteger
        && (attributes.modality == "ids" || attributes.modality == "text"
          || (attributes.modality == nil && datasets.offsets != nil))
      isLabel =
        isInteger
        && (attributes.modality == "label"
          || (attributes.modality == nil && dataset.shape.count == 1 && datasets.offsets == nil))
    }
    guard isInteger || !(isLabel || isIdentifier) else {
      throw DatasetError(
        .mismatch, "\(dataset.location): holds \(dataset.element); labels and ids are whole numbers"
      )
    }
    classNames = isLabel ? attributes.classNames : nil
    classes = isLabel || isIdentifier ? plan.classes ?? attributes.classCount : nil
    var std = plan.std ?? (plan.mean == nil ? attributes.std : nil)
    let mean = plan.mean ?? (plan.std == nil ? attributes.mean : nil)
    // Pictures without statistics of their own come as 0 ... 1 rather than 0 ... 255.
    if mean == nil, std == nil, dataset.element == UInt8.element, dataset.shape.count > 2 {
      std = [255]
    }
    self.mean = mean
    self.std = std
    try requireStatistics(dataset.location)
  }

  private func requireStatistics(_ location: String) throws(DatasetError) {
    for (word, values) in [("mean", mean), ("std", std)] {
      guard let values else { continue }
      guard values.count == 1 || values.count == channels else {
        throw DatasetError(
          .mismatch,
          "\(location): \(word) has \(values.count) numbers; 1 or \(channels) (the last axis) are needed"
        )
      }
      guard values.allSatisfy({ $0.isFinite && (word == "mean" || $0 > 0) }) else {
        throw DatasetError(.mismatch, "\(location): \(word) must be finite, and std above zero")
      }
    }
  }

  /// The attributes of a field, none for somebody else's file.
  private struct Attributes {
    var modality: String?
    var classNames: [String]?
    var classCount: Int?
    var mean: [Double]?
    var std: [Double]?

    init(_ dataset: (any HDF5Attributed)?) throws(DatasetError) {
      guard let dataset else { return }
      try border { () throws(HDF5Error) in
        modality = try dataset.attribute("modality")?.asText
        let classes = try dataset.attribute("classes")
        classNames = classes?.asTexts
        classCount = classNames?.count ?? classes?.asInteger.flatMap { Int(exactly: $0) }
        mean = try dataset.attribute("mean")?.asNumbers
        std = try dataset.attribute("std")?.asNumbers
      }
    }
  }
}
