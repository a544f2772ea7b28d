import Configuration
import Datasets
import HDF5
import TestSupport
import Testing

/// Epochs that are drawn: exact counts of balanced classes, frequencies of weighted samples.
@Suite struct SamplingTests {
  /// Classes of 70, 20, 9, 0 and 1 samples, mixed.
  private static let labels: [Int] = {
    let sizes = [70, 20, 9, 0, 1]
    let sorted = sizes.enumerated().flatMap { [Int](repeating: $0, count: $1) }
    return sorted.indices.map { sorted[$0 * 37 % 100] }
  }()

  private func epoch(_ sampler: Sampler, _ epoch: Int) -> [Int] {
    (0..<sampler.count).map { sampler.sample(at: $0, epoch: epoch) }
  }

  private func counts(_ samples: [Int], _ labels: [Int] = labels) -> [Int] {
    samples.reduce(into: [Int](repeating: 0, count: (labels.max() ?? 0) + 1)) {
      $0[labels[$1]] += 1
    }
  }

  @Test func everyClassWithSamplesHasTheSameShare() {
    let draw = BalancedDraw(labels: Self.labels, power: 1, count: 100)
    #expect(draw.classes == 4)
    let sampler = Sampler(draw, seed: 3)
    var seen = [Int](repeating: 0, count: 100)
    for number in 0..<9 {
      let samples = epoch(sampler, number)
      #expect(counts(samples) == [25, 25, 25, 0, 25])
      for sample in samples { seen[sample] += 1 }
      // No sample comes again before all of its class have come, over the ends of epochs too.
      for label in [0, 1, 2, 4] {
        let turns = seen.indices.filter { Self.labels[$0] == label }.map { seen[$0] }
        let spread = (turns.max() ?? 0) - (turns.min() ?? 0)
        #expect(spread <= 1, "class \(label) after epoch \(number)")
      }
    }
  }

  @Test func whatIsLeftOverGoesRound() {
    let sampler = Sampler(BalancedDraw(labels: Self.labels, power: 1, count: 10), seed: 3)
    var sum = [0, 0, 0, 0, 0]
    for number in 0..<4 {
      let found = counts(epoch(sampler, number))
      for label in [0, 1, 2, 4] { #expect((2...3).contains(found[label]), "\(found)") }
      sum = zip(sum, found).map(+)
      if number == 1 { #expect(sum == [5, 5, 5, 0, 5]) }
    }
    #expect(sum == [10, 10, 10, 0, 10])
    let few = Sampler(BalancedDraw(labels: [0, 1, 2, 3, 4, 5, 6], power: 1, count: 3), seed: 1)
    let all = (0..<7).flatMap { epoch(few, $0) }
    #expect(counts(all, [0, 1, 2, 3, 4, 5, 6]) == [3, 3, 3, 3, 3, 3, 3])
  }

  @Test func powerLiesBetween() {
    let plain = Sampler(BalancedDraw(labels: Self.labels, power: 0, count: 100), seed: 3)
    #expect(epoch(plain, 2).sorted() == Array(0..<100))
    let half = Sampler(BalancedDraw(labels: Self.labels, power: 0.5, count: 1000), seed: 3)
    let found = counts(epoch(half, 0))
    let roots = [70, 20, 9, 0, 1].map { Double($0).squareRoot() }
    for (label, root) in roots.enumerated() {
      let share = 1000 * root / roots.reduce(0, +)
      #expect(abs(Double(found[label]) - share) < 1, "\(found) \(share)")
    }
    #expect(found.reduce(0, +) == 1000)
  }

  @Test func ordersAreMixedAndDifferBySeedAndEpoch() {
    let draw = BalancedDraw(labels: Self.labels, power: 1, count: 100)
    let first = epoch(Sampler(draw, seed: 3), 0)
    #expect(first != epoch(Sampler(draw, seed: 4), 0))
    #expect(first != epoch(Sampler(draw, seed: 3), 1))
    let classes = first.map { Self.labels[$0] }
    let changes = zip(classes, classes.dropFirst()).filter { $0 != $1 }.count
    // 99 neighbours, each with 3 of 4 in another class: 74, deviation 4.
    #expect(abs(changes - 74) < 20, "\(changes)")
  }

  @Test func weightsAreFrequencies() {
    let weights: [Float] = [0, 1, 2, 0, 4, 0.5, 0, 2.5, 0]
    let draw = WeightedDraw(weights: weights)
    let sampler = Sampler(draw, count: 20_000, seed: 8)
    var found = [Int](repeating: 0, count: weights.count)
    for number in 0..<5 { for sample in epoch(sampler, number) { found[sample] += 1 } }
    for (sample, weight) in weights.enumerated() {
      let share = Double(weight) / 10
      let deviation = (100_000 * share * (1 - share)).squareRoot()
      #expect(abs(Double(found[sample]) - 100_000 * share) <= 5 * deviation, "\(found)")
    }
    for sample in [0, 3, 6, 8] { #expect(found[sample] == 0) }
    #expect(epoch(sampler, 0) != epoch(sampler, 1))
    #expect(epoch(sampler, 0) != epoch(Sampler(draw, count: 20_000, seed: 9), 0))
    // A draw depends on its position alone, not on how long the epoch is.
    let short = Sampler(draw, count: 7, seed: 8)
    #expect(epoch(short, 3) == Array(epoch(sampler, 3).prefix(7)))
  }

  // MARK: From files

  private func write(_ path: String, weights: [Float], labels: [Int64]) throws {
    let file = try HDF5File(creating: path)
    func put<Scalar: HDF5Scalar>(_ name: String, _ values: [Scalar]) throws {
      let dataset = try file.root.createDataset(name, of: Scalar.self, shape: [values.count])
      try values.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        try dataset.writeRows(0..<values.count, from: base)
      }
    }
    try put("w", weights)
    try put("y", labels)
    try put("x", weights.map { _ in Float(1) })
    try file.close()
  }

  private func open(
    _ folder: TemporaryFolder, _ rule: SamplingConfiguration.Rule, _ field: String,
    split: SplitConfiguration? = nil, file: String = "u.h5"
  ) throws -> Dataset {
    let fields = ["x", "y", "w"].map { FieldConfiguration(name: $0, dataset: "/\($0)") }
    var settings = configuration([file], fields: fields, split: split)
    settings.sampling = SamplingConfiguration(rule: rule, field: field, samplesPerEpoch: 50)
    return try Dataset(settings, relativeTo: folder.path, fields: ["x"])
  }

  @Test func filesDecide() throws {
    let folder = try TemporaryFolder()
    try write(
      folder.file("u.h5"), weights: (0..<40).map { $0 % 4 == 3 ? 2 : 0 },
      labels: (0..<40).map { $0 < 30 ? 2 : 5 })
    let weighted = try open(folder, .weighted, "w")
    #expect(try weighted.resolvedShuffle(.window, memoryBytes: 0) == .full)
    let drawn = try #require(try weighted.sampler(seed: 1, shuffle: .full))
    #expect(drawn.count == 50 && epoch(drawn, 0).allSatisfy { $0 % 4 == 3 })
    let balanced = try #require(
      try open(folder, .balanced(power: 1), "y").sampler(seed: 1, shuffle: .full))
    #expect(epoch(balanced, 0).filter { $0 < 30 }.count == 25)
    // Samples that data.split takes away are not drawn: numbers are those of the training split.
    let part = try open(
      folder, .weighted, "w", split: SplitConfiguration(validation: 0.5, seed: 1))
    let training = try #require(try part.split(.train))
    let halved = try #require(try part.sampler(seed: 1, shuffle: .full))
    #expect(training.count < 40 && epoch(halved, 0).allSatisfy { $0 < training.count })
    for (file, weight) in [("same.h5", Float(2)), ("other.h5", 3)] {
      try write(
        folder.file(file), weights: (0..<40).map { $0 % 4 == 3 ? weight : 0 },
        labels: (0..<40).map { $0 < 30 ? 2 : 5 })
      let again = try open(folder, .weighted, "w", file: file)
      #expect((again.digest == weighted.digest) == (weight == 2), "\(file)")
    }
  }

  @Test(
    arguments: [
      ([1, -0.5, 2], "w", "expected weights of at least 0, sample 1 has -0.5"),
      ([0, 0, 0], "w", "expected a weight above 0, all are 0"),
      ([1, 2, .nan], "w", "sample 2"),
      ([1, 2, .infinity], "w", "sample 2"),
      ([1, 2, 3], "y", "expected one number of kind value for each sample, found labels"),
    ] as [([Float], String, String)])
  func badWeightsAreRefused(weights: [Float], field: String, text: String) throws {
    let folder = try TemporaryFolder()
    try write(folder.file("u.h5"), weights: weights, labels: [0, 1, 1])
    let dataset = try open(folder, .weighted, field)
    let error = #expect(throws: DatasetError.self) {
      _ = try dataset.sampler(seed: 1, shuffle: .full)
    }
    #expect(error?.description.contains(text) == true, "\(String(describing: error))")
  }

  @Test func badClassesAreRefused() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("u.h5"), weights: [1, 1, 1], labels: [0, 1 << 40, 1])
    for (field, text) in [
      ("w", "expected one label for each sample, found values"), ("y", "sample 1 "),
    ] {
      let error = #expect(throws: DatasetError.self) {
        _ = try open(folder, .balanced(power: 1), field).sampler(seed: 1, shuffle: .full)
      }
      #expect(error?.description.contains(text) == true, "\(String(describing: error))")
    }
  }
}
