import Configuration
import Datasets
import Tensors

/// A configuration that names files and, for a user's own file, fields.
func configuration(
  _ files: [String], fields: [FieldConfiguration] = [], split: SplitConfiguration? = nil
) -> DataConfiguration {
  DataConfiguration(
    files: files, splits: [:], fields: fields, shuffle: nil, split: split, prefetch: 4)
}

/// A field of a user's own file.
func field(
  _ name: String, _ path: String, kind: FieldConfiguration.Kind? = nil, mean: [Double]? = nil,
  std: [Double]? = nil, classes: Int? = nil
) -> FieldConfiguration {
  FieldConfiguration(
    name: name, dataset: path, kind: kind, mean: mean, std: std, classes: classes)
}

/// The pixel of the small sample file at an index of the whole array.
func pixel(_ index: Int) -> UInt8 { UInt8(truncatingIfNeeded: index &* 7 &+ index / 251) }

/// Writes a small sample file: image `[S, 4, 4, 3]`, label, table `[S, 5]`.
@discardableResult
func writeSample(
  _ path: String, train: Int = 500, test: Int = 50, deflate: Int? = nil, slab: Int = 64
) throws -> String {
  let writer = try SampleFileWriter(path: path, deflate: deflate)
  for (split, count) in [("train", train), ("test", test)] {
    try writer.addField(
      SampleField(
        name: "image", element: .uint8, sampleShape: [4, 4, 3], axes: "SHWC", modality: "image"),
      split: split, samples: count)
    try writer.addField(
      SampleField(
        name: "label", element: .int64, sampleShape: [], axes: "S", modality: "label",
        classes: ["null", "eins", "zwei"]), split: split, samples: count)
    try writer.addField(
      SampleField(
        name: "table", element: .float32, sampleShape: [5], axes: "SF", modality: "table"),
      split: split, samples: count)
    for start in stride(from: 0, to: count, by: slab) {
      let rows = start..<min(start + slab, count)
      try writer.append(
        (rows.lowerBound * 48..<rows.upperBound * 48).map(pixel), to: "image", split: split)
      try writer.append(rows.map { Int64($0 % 3) }, to: "label", split: split)
      try writer.append(
        (rows.lowerBound * 5..<rows.upperBound * 5).map { Float($0) * 0.25 }, to: "table",
        split: split)
    }
  }
  try writer.setNormalization(of: "image", mean: [100, 110, 120], std: [50, 60, 70])
  writer.setAttribute("name", to: .text("small"))
  return try writer.finish()
}

/// The numbers of some samples, copied out of a microbatch so that they outlive it.
struct FilledBatch {
  private var values: [[Float]] = []
  private var labels: [[Int64]] = []

  init(_ microbatch: Microbatch) {
    for (index, field) in microbatch.fields.enumerated() {
      let count = microbatch.count * field.scalarsPerSample
      let isFloat = field.element == .float
      values.append(
        isFloat ? Array(UnsafeBufferPointer(start: microbatch.floats(index), count: count)) : [])
      labels.append(
        isFloat ? [] : Array(UnsafeBufferPointer(start: microbatch.integers(index), count: count)))
    }
    withExtendedLifetime(microbatch) {}
  }

  /// The values of a field.
  func floats(_ field: Int) -> [Float] { values[field] }

  /// The labels of a field.
  func integers(_ field: Int) -> [Int64] { labels[field] }
}

/// The samples of these numbers.
func filled(_ split: Split, _ samples: [Int]) throws -> FilledBatch {
  let microbatch = Microbatch(capacity: samples.count, fields: split.fields)
  microbatch.count = samples.count
  for (index, sample) in samples.enumerated() { microbatch.sampleNumbers[index] = Int64(sample) }
  try split.fill(microbatch)
  return FilledBatch(microbatch)
}
