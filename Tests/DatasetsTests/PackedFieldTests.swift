import Configuration
import Datasets
import HDF5
import Tensors
import TestSupport
import Testing

/// Fields whose samples differ in length or are missing, in files of ours and of users.
@Suite struct PackedFieldTests {
  /// Four samples of 2, 0, 3 and 1 steps of two values; the third lacks the picture.
  private static func write(_ path: String, offsets: [Int64] = [0, 2, 2, 5, 6]) throws {
    let file = try HDF5File(creating: path)
    let train = try file.root.createGroup("train")
    try put(train, "label", [4], [0, 1, 0, 1] as [Int64])
    let sound = try train.createGroup("sound")
    try put(sound, "values", [6, 2], (0..<12).map(Float.init))
    try put(sound, "offsets", [5], offsets)
    let image = try train.createGroup("image")
    try put(image, "values", [4, 3], (0..<12).map(Float.init))
    try put(image, "present", [4], [1, 1, 0, 1] as [UInt8])
    try file.close()
  }

  private static func put<Scalar: HDF5Scalar>(
    _ group: HDF5Group, _ name: String, _ shape: [Int], _ values: [Scalar]
  ) throws {
    let dataset = try group.createDataset(name, of: Scalar.self, shape: shape)
    try values.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      try dataset.writeRows(0..<shape[0], from: base)
    }
  }

  private static func open(_ path: String) throws -> Dataset {
    try Dataset(configuration([path]), relativeTo: "/", fields: ["sound", "image", "label"])
  }

  @Test func samplesArePackedInTheOrderAskedFor() throws {
    let folder = try TemporaryFolder()
    try Self.write(folder.file("a.h5"))
    let split = try #require(try Self.open(folder.file("a.h5")).split(.train))
    #expect(split.fields[0].longest == 3 && split.fields[1].isOptional)
    let batch = Microbatch(capacity: 4, fields: split.fields)
    batch.count = 3
    for (place, sample) in [2, 1, 0].enumerated() { batch.sampleNumbers[place] = Int64(sample) }
    try split.fill(batch)
    #expect((0...3).map { batch.offsets(0)[$0] } == [0, 3, 3, 5])
    #expect((0..<10).map { batch.floats(0)[$0] } == [4, 5, 6, 7, 8, 9, 0, 1, 2, 3])
    #expect((0...3).map { batch.offsets(1)[$0] } == [0, 0, 1, 2])
    #expect((0..<3).map { batch.presence(1)[$0] } == [0, 1, 1])
    #expect((0..<6).map { batch.floats(1)[$0] } == [3, 4, 5, 0, 1, 2])
    #expect((0..<3).map { batch.integers(2)[$0] } == [0, 1, 0])
  }

  @Test func extentsNeedNoNumbers() throws {
    let folder = try TemporaryFolder()
    try Self.write(folder.file("a.h5"))
    let split = try #require(try Self.open(folder.file("a.h5")).split(.train))
    let batch = Microbatch(capacity: 4, fields: split.fields, numbersOf: [])
    batch.count = 4
    for sample in 0..<4 { batch.sampleNumbers[sample] = Int64(sample) }
    try split.fill(batch)
    #expect((0...4).map { batch.offsets(0)[$0] } == [0, 2, 2, 5, 6])
  }

  @Test(arguments: [[0, 2, 1, 5, 6], [0, 2, 2, 5, 7], [1, 2, 2, 5, 6]] as [[Int64]])
  func offsetsThatDoNotFitAreRefused(_ offsets: [Int64]) throws {
    let folder = try TemporaryFolder()
    try Self.write(folder.file("a.h5"), offsets: offsets)
    #expect(throws: DatasetError.self) { _ = try Self.open(folder.file("a.h5")).split(.train) }
  }

  @Test func stepsComeAcrossTheBordersOfChunks() throws {
    let folder = try TemporaryFolder()
    let writer = try SampleFileWriter(path: folder.file("a.h5"))
    let lengths = (0..<50).map { $0 * 20_000 / 50 }
    let sound = SampleField(
      name: "sound", element: .float32, sampleShape: [3], axes: "STC", modality: "sound")
    try writer.addRaggedField(sound, split: "train", lengths: lengths)
    let total = lengths.reduce(0, +)
    try writer.append((0..<total * 3).map(Float.init), to: "sound", split: "train")
    _ = try writer.finish()
    let dataset = try Dataset(configuration([folder.file("a.h5")]), relativeTo: "/")
    let split = try #require(try dataset.split(.train))
    let batch = Microbatch(capacity: 50, fields: split.fields)
    batch.count = 50
    for sample in 0..<50 { batch.sampleNumbers[sample] = Int64(sample) }
    try split.fill(batch)
    let wrong = (0..<total * 3).first { batch.floats(0)[$0] != Float($0) }
    #expect(wrong == nil)
  }
}
