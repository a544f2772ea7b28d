import Configuration
import Datasets
import Foundation
import HDF5
import Tensors
import TestSupport
import Testing

/// Negatives of samples: never what the user has, all others alike, a function of the seed alone.
@Suite struct NegativeTests {
  /// 4 users of 6 items; user 3 has all of them.
  private static let users = [0, 0, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3]
  private static let items = [10, 11, 11, 10, 12, 15, 10, 11, 12, 13, 14, 15]
  private static let draw = NegativeDraw(users: users, items: items, kept: ["user"])

  @Test func everySampleComesOnceWithWhatItsUserLacks() {
    let sampler = Sampler(Self.draw, seed: 3)
    #expect(sampler.count == 24)
    for epoch in 0..<20 {
      let samples = (0..<24).map { sampler.sample(at: $0, epoch: epoch) }
      let positives = stride(from: 0, to: 24, by: 2).map { samples[$0] }
      #expect(positives.sorted() == Array(0..<12))
      for place in 0..<12 {
        let (positive, negative) = (samples[2 * place], samples[2 * place + 1])
        let user = Self.users[positive]
        if user == 3 {
          #expect(negative == positive, "who has everything is compared with itself")
          continue
        }
        let own = Set(zip(Self.users, Self.items).filter { $0.0 == user }.map(\.1))
        #expect(!own.contains(Self.items[negative]), "epoch \(epoch), place \(place)")
      }
    }
  }

  @Test func itemsComeAlikeAndDifferBySeedEpochAndPlace() {
    let sampler = Sampler(Self.draw, seed: 3)
    var counts: [Int: Int] = [:]
    var epochs: Set<[Int]> = []
    for epoch in 0..<3000 {
      let samples = (0..<24).map { sampler.sample(at: $0, epoch: epoch) }
      epochs.insert(samples)
      for place in 0..<12 where Self.users[samples[2 * place]] == 0 {
        counts[Self.items[samples[2 * place + 1]], default: 0] += 1
      }
    }
    #expect(epochs.count > 2990)
    #expect(counts.keys.sorted() == [12, 13, 14, 15])
    // 6,000 draws: 1,500 each, deviation 34.
    for (item, count) in counts { #expect(abs(count - 1500) < 170, "\(item): \(count)") }
    let other = Sampler(Self.draw, seed: 4)
    #expect(
      (0..<24).map { other.sample(at: $0, epoch: 0) }
        != (0..<24).map { sampler.sample(at: $0, epoch: 0) })
  }

  // MARK: From files

  /// Interactions with a feature of the user, three of the item, and a number of the sample.
  private func write(_ path: String) throws {
    let file = try HDF5File(creating: path)
    func put<Scalar: HDF5Scalar>(_ name: String, _ shape: [Int], _ values: [Scalar]) throws {
      let dataset = try file.root.createDataset(name, of: Scalar.self, shape: shape)
      try values.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        try dataset.writeRows(0..<shape[0], from: base)
      }
    }
    try put("user", [12], Self.users.map(Int64.init))
    try put("item", [12], Self.items.map(Int64.init))
    try put("age", [12], Self.users.map { Float(20 + $0) })
    try put("film", [12, 3], Self.items.flatMap { [Float($0), Float($0 * $0), 1] })
    try put("number", [12], (0..<12).map(Float.init))
    try file.close()
  }

  private func open(
    _ folder: TemporaryFolder, user: String = "user", keep: [String]
  ) throws -> Dataset {
    let fields = ["user", "item", "age", "film", "number"].map {
      field($0, "/\($0)", kind: ["user", "item"].contains($0) ? .ids : nil, classes: nil)
    }
    var settings = configuration(["u.h5"], fields: fields)
    settings.sampling = SamplingConfiguration(
      rule: .negatives(item: "item", keep: keep), field: user)
    return try Dataset(
      settings, relativeTo: folder.path, fields: ["user", "item", "age", "film", "number"])
  }

  @Test func aNegativeHasTheUserOfItsSampleAndTheItemOfAnother() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("u.h5"))
    let dataset = try open(folder, keep: ["age"])
    let sampler = try #require(try dataset.sampler(seed: 3, shuffle: .full))
    let training = try #require(try dataset.split(.train))
    let loader = BatchLoader(training, capacity: 8, depth: 2)
    defer { loader.stop() }
    loader.start(order: sampler) { index in
      guard index < 3 else { return nil }
      return BatchRequest(index: index, step: 0, epoch: 0, positions: index * 8..<(index + 1) * 8)
    }
    while let batch = try loader.next() {
      let (user, item) = (batch.integers(0), batch.integers(1))
      let (age, film, number) = (batch.floats(2), batch.floats(3), batch.floats(4))
      for row in 0..<8 {
        let sample = sampler.sample(at: batch.index * 8 + row, epoch: 0)
        #expect(batch.sampleNumbers[row] == Int64(sample) && number[row] == Float(sample))
        #expect(Int(item[row]) == Self.items[sample])
        #expect(film[3 * row] == Float(item[row]))
        #expect(film[3 * row + 1] == Float(item[row] * item[row]))
        #expect(age[row] == Float(20 + user[row]))
        if row % 2 == 0 { #expect(Int(user[row]) == Self.users[sample]) }
        if row % 2 == 1 { #expect(user[row] == user[row - 1]) }
      }
      loader.recycle(batch)
    }
    #expect(try open(folder, keep: []).sampler(seed: 3, shuffle: .full) != nil)
  }

  @Test func whatCannotBeKeptIsRefused() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("u.h5"))
    for (user, keep, text) in [
      ("user", ["name"], "expected fields that the model reads"),
      ("age", [], "field 'age': expected one id for each sample, found values"),
    ] {
      let error = #expect(throws: DatasetError.self) {
        _ = try open(folder, user: user, keep: keep).sampler(seed: 1, shuffle: .full)
      }
      #expect(error?.description.contains(text) == true, "\(String(describing: error))")
    }
  }
}
