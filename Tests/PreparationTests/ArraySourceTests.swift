import Configuration
import Foundation
import HDF5
import Preparation
import Testing

/// Readers of numeric files, from the file's bytes to the sample file's.
@Suite struct ArraySourceTests {
  private let pixels: [UInt8] = (0..<24).map { UInt8($0 * 10) }

  private func images(_ kind: RecipeSource.Kind) -> RecipeConfiguration {
    recipe([("a", kind)], train: [("image", "a")], fields: [("image", .image(.init()))])
  }

  private func values(_ kind: RecipeSource.Kind) -> RecipeConfiguration {
    recipe(
      [("a", kind)], train: [("x", "a")],
      fields: [("x", .value(shape: nil, normalize: false))])
  }

  @Test func readsPlainAndPackedImages() throws {
    let bench = try Workbench()
    try bench.write("a", idx([2, 3, 4], pixels))
    try bench.prepare(images(.idx(paths: ["a"])))
    #expect(try bench.bytes("train/image") == pixels)
    #expect(try bench.dataset("train/image").shape == [2, 3, 4, 1])
    try bench.gzip("a")
    try bench.prepare(images(.idx(paths: ["a.gz"])))
    #expect(try bench.bytes("train/image") == pixels)
  }

  @Test func joinsFilesOfOneSource() throws {
    let bench = try Workbench()
    try bench.write("a", idx([2, 3, 4], pixels))
    try bench.write("b", idx([1, 3, 4], Array(pixels.reversed().prefix(12))))
    try bench.prepare(images(.idx(paths: ["a", "b"])))
    #expect(try bench.bytes("train/image") == pixels + pixels.reversed().prefix(12))
    try bench.write("b", idx([1, 4, 3], Array(pixels.prefix(12))))
    #expect(try fails(bench, images(.idx(paths: ["a", "b"]))).contains("must agree"))
  }

  @Test func readsBigEndianNumbers() throws {
    let bench = try Workbench()
    try bench.write("a", idx([2, 2], type: 0x0b, [0, 1, 1, 0, 0xff, 0xff, 0x7f, 0xff]))
    try bench.prepare(values(.idx(paths: ["a"])))
    #expect(try bench.floats("train/x") == [1, 256, -1, 32767])
  }

  @Test func namesExpectedAndFoundBytes() throws {
    let bench = try Workbench()
    let whole = idx([2, 3, 4], pixels)
    try bench.write("a", Array(whole.dropLast(5)))
    let short = try bench.failure(images(.idx(paths: ["a"])))
    #expect(short.contains("a: expected 40 bytes") && short.contains("found 35"))
    try bench.write("a", whole + [1, 2, 3])
    let long = try bench.failure(images(.idx(paths: ["a"])))
    #expect(long.contains("expected 40 bytes") && long.contains("found 43"))
    try bench.write("a", Array(whole.prefix(9)))
    #expect(try bench.failure(images(.idx(paths: ["a"]))).contains("expected 16 bytes of header"))
    try bench.write("a", [0x89, 0x50, 0x4e, 0x47, 1, 2])
    #expect(try bench.failure(images(.idx(paths: ["a"]))).contains("found 89 50 4e 47"))
    try bench.write("a", [])
    #expect(try bench.failure(images(.idx(paths: ["a"]))).contains("found nothing"))
    try bench.write("a", idx([1 << 24, 1 << 24, 1 << 24], pixels))
    #expect(try bench.failure(images(.idx(paths: ["a"]))).contains("absurd"))
    try bench.write("a", idx([1 << 24, 1 << 24], pixels))
    #expect(try bench.failure(images(.idx(paths: ["a"]))).contains("found 36"))
  }

  @Test func hearsOfDamagedPacking() throws {
    let bench = try Workbench()
    let noise = (0..<6000).map { UInt8(truncatingIfNeeded: $0 &* 7919 >> 3) }
    try bench.write("a", idx([10, 600], noise))
    try bench.gzip("a")
    let packed = try bench.read("a.gz")
    try bench.write("a.gz", Array(packed.dropLast(40)))
    #expect(
      try bench.failure(values(.idx(paths: ["a.gz"]))).contains("a.gz: the gzip stream is cut off"))
    var damaged = packed
    damaged[packed.count - 6] ^= 1
    try bench.write("a.gz", damaged)
    #expect(try bench.failure(values(.idx(paths: ["a.gz"]))).contains("damaged"))
  }

  @Test func namesAMissingSource() throws {
    let bench = try Workbench()
    for kind in [
      RecipeSource.Kind.idx(paths: ["no/such"]), .npy(paths: ["no/such"]),
      .hdf5(paths: ["no/such"], dataset: "x"), .csv(paths: ["no/such"], options: .init()),
    ] {
      let message = try bench.failure(values(kind), code: .missingSource)
      #expect(message.contains("\(bench.folder)/no/such"))
    }
  }

  @Test func readsNumPyArrays() throws {
    let bench = try Workbench()
    let numbers: [Float] = [1, -2, 3.5, 4, 5, 6]
    let swapped = numbers.flatMap { raw([$0]).reversed() }
    try bench.write("a", npy("<f4", "(2, 3)", raw(numbers)))
    try bench.prepare(values(.npy(paths: ["a"])))
    #expect(try bench.floats("train/x") == numbers)
    try bench.write("a", npy(">f4", "(2, 3)", swapped))
    try bench.prepare(values(.npy(paths: ["a"])))
    #expect(try bench.floats("train/x") == numbers)
    try bench.write("a", npy("<f8", "(2, 3)", fortran: true, raw([1.0, 4, -2, 5, 3.5, 6])))
    try bench.prepare(values(.npy(paths: ["a"])))
    #expect(try bench.floats("train/x") == numbers)
    try bench.write("a", npy("|b1", "(3,)", [1, 0, 1]))
    try bench.prepare(values(.npy(paths: ["a"])))
    #expect(try bench.floats("train/x") == [1, 0, 1])
    #expect(try bench.dataset("train/x").shape == [3])
  }

  @Test func refusesOtherNumPyFiles() throws {
    let bench = try Workbench()
    for (bytes, text) in [
      (npy("<c8", "(1,)", [0, 0, 0, 0, 0, 0, 0, 0]), "type '<c8'"),
      (npy("|O", "(1,)", [0]), "type '|O'"),
      (npy("<f4", "()", [0, 0, 0, 0]), "single number"),
      (npy("<f4", "(2,)", [0, 0, 0, 0]), "found"),
      (Array("\u{7f}ELF".utf8), "expected a NumPy file"),
      (npy("<f4", "(1,)", raw([Float.nan])), "a, row 0"),
    ] {
      try bench.write("a", bytes)
      #expect(try bench.failure(values(.npy(paths: ["a"]))).contains(text))
    }
  }

  @Test func turnsRecordsIntoChannelsLast() throws {
    let bench = try Workbench()
    // Two records of 1x2 pixels: label, two reds, two greens, two blues.
    try bench.write("a", [7, 1, 2, 3, 4, 5, 6, 9, 11, 12, 13, 14, 15, 16])
    let kind = RecipeSource.Kind.cifar(paths: ["a"], height: 1, width: 2, labelBytes: 1)
    try bench.prepare(
      recipe(
        [("a", kind)], train: [("image", "a"), ("label", "a.label")],
        fields: [("image", .image(.init())), ("label", .label(.init()))]))
    #expect(try bench.bytes("train/image") == [1, 3, 5, 2, 4, 6, 11, 13, 15, 12, 14, 16])
    #expect(try bench.labels("train/label") == [7, 9])
    try bench.write("a", [7, 1, 2, 3, 4, 5, 6, 9])
    #expect(try bench.failure(images(kind)).contains("1 records and 1 bytes"))
  }

  @Test func readsDatasetsOfHDF5Files() throws {
    let bench = try Workbench()
    try makeHDF5(bench.folder + "/in.h5")
    try bench.prepare(values(.hdf5(paths: ["in.h5"], dataset: "deep/numbers")))
    #expect(try bench.floats("train/x") == [1, 2, 3, 4, 5, 6])
    let message = try bench.failure(values(.hdf5(paths: ["in.h5"], dataset: "deep/number")))
    #expect(message.contains("numbers"))
    try bench.write("bad.h5", "no HDF5 at all")
    #expect(
      try bench.failure(values(.hdf5(paths: ["bad.h5"], dataset: "x"))).contains("not an HDF5"))
  }

  private func makeHDF5(_ path: String) throws {
    let file = try HDF5File(creating: path)
    let group = try file.root.createGroup("deep")
    let dataset = try group.createDataset(
      "numbers", of: Int16.self, shape: [2, 3],
      storage: HDF5Storage(rowsPerChunk: 2, filters: []))
    try dataset.writeRows(0..<2, from: [1, 2, 3, 4, 5, 6] as [Int16])
    try file.close()
  }

  private func fails(_ bench: Workbench, _ recipe: RecipeConfiguration) throws -> String {
    #expect(throws: PreparationError.self) { try bench.prepare(recipe) }?.message ?? ""
  }
}
