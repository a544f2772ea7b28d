import Datasets
import Metrics
import Models
import Tensors

/// The truth of every sample of a split, as one head sees it.
struct EnsembleTruth: Equatable {
  /// Classes, `[S]`, for classification; else empty.
  var labels: [Int] = []
  /// Values, `[S, Y]`, otherwise.
  var values: [Double] = []

  /// Reads the target of a head.
  ///
  /// - Parameters:
  ///   - split: the samples.
  ///   - head: one prediction a sample, its target in the data.
  ///   - kind: what it predicts.
  /// - Throws: `DatasetError`, or ``TrainingError`` `badData` for a label outside the classes.
  init(_ split: Split, _ head: Head, _ kind: MetricHead.Kind) throws {
    guard let target = split.fields.firstIndex(where: { $0.name == head.target }) else {
      throw TrainingError(
        .badData, "the \(split.role.rawValue) split has no field '\(head.target)'")
    }
    let field = split.fields[target]
    let batch = Microbatch(
      capacity: min(split.count, 4096), fields: split.fields, numbersOf: [target])
    for start in stride(from: 0, to: split.count, by: batch.capacity) {
      batch.count = min(batch.capacity, split.count - start)
      for index in 0..<batch.count { batch.sampleNumbers[index] = Int64(start + index) }
      try split.fill(batch)
      for index in 0..<batch.count * field.scalarsPerUnit {
        if case .classification = kind {
          labels.append(Int(batch.integers(target)[index]))
        } else if field.element == .integer {
          values.append(Double(batch.integers(target)[index]))
        } else {
          values.append(Double(batch.floats(target)[index]))
        }
      }
    }
    guard let wrong = labels.firstIndex(where: { $0 < 0 || $0 >= head.outputs }) else { return }
    throw TrainingError(
      .badData,
      "the \(split.role.rawValue) split: sample \(wrong) of field '\(head.target)' holds "
        + "\(labels[wrong]), expected 0 ..< \(head.outputs); correct the data")
  }

  /// The first sample in which another truth differs, with both as text; nil where they are equal.
  func difference(from other: EnsembleTruth, outputs: Int) -> (
    sample: Int, own: String, other: String
  )? {
    for index in labels.indices where labels[index] != other.labels[index] {
      return (index, "\(labels[index])", "\(other.labels[index])")
    }
    for index in values.indices where values[index] != other.values[index] {
      return (index / outputs, "\(values[index])", "\(other.values[index])")
    }
    return nil
  }
}
