import Configuration
import Tensors

extension Dataset {
  /// The order of training samples that the configuration asks for.
  ///
  /// Where it samples, the deciding field is read once, from the training split alone.
  ///
  /// - Parameters:
  ///   - seed: the run's seed.
  ///   - shuffle: as ``resolvedShuffle(_:memoryBytes:)`` decided.
  /// - Returns: the order; nil where there is no training sample.
  /// - Throws: ``DatasetError`` `.mismatch` where the field has another form, a weight is negative or all
  ///   are 0; `.nonFinite`, `.label` and what else reading it throws.
  public func sampler(
    seed: UInt64, shuffle: DataConfiguration.Shuffle
  ) throws(DatasetError) -> Sampler? {
    guard let training = try split(.train), training.count > 0 else { return nil }
    guard let sampling = configuration.sampling, let split = try drawing?.split(.train) else {
      return Sampler(
        count: training.count, seed: seed, shuffle: shuffle, runLength: training.runLength)
    }
    precondition(split.count == training.count, "one split of two sizes")
    let count = sampling.samplesPerEpoch ?? training.count
    switch sampling.rule {
    case .balanced(let power):
      let labels = try classes(split)
      return Sampler(BalancedDraw(labels: labels, power: power, count: count), seed: seed)
    case .weighted:
      return Sampler(WeightedDraw(weights: try weights(split)), count: count, seed: seed)
    case .negatives(_, let keep):
      let draw = try negatives(split, kept: [sampling.field] + keep)
      try check(draw.kept, of: training)
      return Sampler(draw, seed: seed)
    }
  }

  /// Negatives by the users and items that are the two fields of a split.
  private func negatives(
    _ split: Split, kept: [String]
  ) throws(DatasetError) -> NegativeDraw {
    for field in 0..<2 { try require(.integer, "negatives", "one id", split, field: field) }
    return NegativeDraw(
      users: try integers(split, field: 0), items: try integers(split, field: 1), kept: kept)
  }

  /// The fields that a negative has from the sample before it must be there, and of one size.
  private func check(_ kept: [String], of training: Split) throws(DatasetError) {
    for name in kept {
      guard let field = training.fields.first(where: { $0.name == name }) else {
        let known = training.fields.map(\.name).joined(separator: ", ")
        throw DatasetError(
          .mismatch,
          "\(self.name): data.sampling.negatives: expected fields that the model reads, which are "
            + "\(known), found '\(name)'")
      }
      guard field.isPacked else { continue }
      throw DatasetError(
        .mismatch,
        "\(self.name): data.sampling.negatives: field '\(name)': expected as many numbers for every "
          + "sample, found samples that differ in length or lack it")
    }
  }

  /// The numbers of a field of all samples.
  private func integers(_ split: Split, field: Int) throws(DatasetError) -> [Int] {
    var numbers: [Int] = []
    numbers.reserveCapacity(split.count)
    try forEachStretch(of: split) { batch in
      for index in 0..<batch.count { numbers.append(Int(batch.integers(field)[index])) }
    }
    return numbers
  }

  /// The classes of all samples of a split whose only field is a label.
  private func classes(_ split: Split) throws(DatasetError) -> [Int] {
    try require(.integer, "balanced", "one label", split)
    let labels = try integers(split, field: 0)
    guard let wrong = labels.firstIndex(where: { $0 < 0 || $0 > Dataset.largestClass }) else {
      return labels
    }
    throw complaint(
      "balanced", split,
      "expected classes in 0 ... \(Dataset.largestClass), sample \(wrong) has \(labels[wrong])")
  }

  /// The most that a class number may be, so that counting classes needs little memory.
  private static let largestClass = 1 << 24

  /// The weights of all samples of a split whose only field they are.
  private func weights(_ split: Split) throws(DatasetError) -> [Float] {
    try require(.float, "weighted", "one number of kind value", split)
    var weights: [Float] = []
    weights.reserveCapacity(split.count)
    try forEachStretch(of: split) { batch in
      for index in 0..<batch.count { weights.append(batch.floats(0)[index]) }
    }
    if let wrong = weights.firstIndex(where: { !($0 >= 0) || !$0.isFinite }) {
      throw complaint(
        "weighted", split,
        "expected weights of at least 0, sample \(wrong) has \(weights[wrong]); correct the data")
    }
    guard weights.contains(where: { $0 > 0 }) else {
      throw complaint("weighted", split, "expected a weight above 0, all are 0; correct the data")
    }
    return weights
  }

  private func require(
    _ element: MicrobatchField.Element, _ rule: String, _ what: String, _ split: Split,
    field index: Int = 0
  ) throws(DatasetError) {
    let field = split.fields[index]
    guard field.element == element, field.scalarsPerUnit == 1, !field.isPacked else {
      let found = field.element == .float ? "values" : "labels or ids"
      throw complaint(
        rule, split, field: index,
        "expected \(what) for each sample, found \(found) of shape \(field.sampleShape)"
          + (field.isPacked ? " for a varying number of units" : ""))
    }
  }

  private func complaint(
    _ rule: String, _ split: Split, field: Int = 0, _ text: String
  ) -> DatasetError {
    DatasetError(
      .mismatch, "\(name): data.sampling.\(rule): field '\(split.fields[field].name)': \(text)")
  }

  /// Reads a split in stretches of its order.
  private func forEachStretch(
    of split: Split, _ body: (Microbatch) -> Void
  ) throws(DatasetError) {
    let batch = Microbatch(capacity: min(split.count, 4096), fields: split.fields)
    for start in stride(from: 0, to: split.count, by: batch.capacity) {
      batch.count = min(batch.capacity, split.count - start)
      for index in 0..<batch.count { batch.sampleNumbers[index] = Int64(start + index) }
      try split.fill(batch)
      body(batch)
    }
  }
}
