import Configuration
import Foundation
import HDF5
import Preparation
import Testing

/// A folder that lives as long as one test, and the ways to fill it and look at what came out.
final class Workbench: Sendable {
  let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "aimass-prepare-" + UUID().uuidString
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// The sample file that ``prepare(_:)`` writes.
  var output: String { folder + "/out.h5" }

  /// Writes a file.
  func write(_ name: String, _ bytes: [UInt8]) throws {
    let url = URL(fileURLWithPath: folder + "/" + name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
  }

  /// Writes a text file.
  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  /// Packs a file as gzip, under its name with `.gz`.
  ///
  /// No process is started: a child that is just being made would hold a lock that other tests'
  /// HDF5 files run into.
  func gzip(_ name: String) throws {
    let bytes = try read(name)
    precondition(bytes.count < 65536, "one stored block holds at most 65535 bytes")
    let length = [UInt8(bytes.count & 255), UInt8(bytes.count >> 8)]
    let words = [crc32(bytes), UInt32(bytes.count)]
    try write(
      name + ".gz",
      [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1] + length + length.map { ~$0 } + bytes + raw(words))
  }

  /// The bytes of a file.
  func read(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)))
  }

  /// Names in the folder, hidden ones too.
  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  /// Runs a recipe on one rank.
  @discardableResult
  func prepare(_ recipe: RecipeConfiguration) throws -> PreparationSummary {
    try Preparation(recipe, root: folder).run(output: output)
  }

  /// The message of the error that a recipe ends in; nothing may be left behind.
  func failure(
    _ recipe: RecipeConfiguration, code: PreparationError.Code = .badData,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let before = try names()
    let error = #expect(throws: PreparationError.self, sourceLocation: sourceLocation) {
      try prepare(recipe)
    }
    #expect(error?.code == code, "\(error?.message ?? "")", sourceLocation: sourceLocation)
    #expect(try names() == before, sourceLocation: sourceLocation)
    return error?.message ?? ""
  }

  /// A dataset of the output.
  ///
  /// Another test's child process may hold a copy of the file's lock for the instant of its start.
  func dataset(_ path: String) throws -> HDF5Dataset {
    for _ in 0..<40 {
      if let file = try? HDF5File(reading: output) { return try file.root.dataset(path) }
      usleep(50_000)
    }
    return try HDF5File(reading: output).root.dataset(path)
  }

  /// The bytes of an image field.
  func bytes(_ path: String) throws -> [UInt8] { try dataset(path).readAll() }

  /// The numbers of a table or value field.
  func floats(_ path: String) throws -> [Float] { try dataset(path).readAll() }

  /// The labels of a field.
  func labels(_ path: String) throws -> [Int64] { try dataset(path).readAll() }
}

/// A recipe of one source per field and split.
func recipe(
  _ sources: [(String, RecipeSource.Kind)], train: [(String, String)],
  test: [(String, String)]? = nil, conditions: [RecipeCondition] = [], more: [RecipeSplit] = [],
  fields: [(String, RecipeField.Modality)]
) -> RecipeConfiguration {
  func split(_ name: String, _ references: [(String, String)]) -> RecipeSplit {
    RecipeSplit(
      name: name, origin: .sources(references.map { .init(field: $0.0, reference: $0.1) }),
      conditions: name == "train" ? conditions : [])
  }
  return RecipeConfiguration(
    name: "trial", sources: sources.map { RecipeSource(name: $0.0, kind: $0.1) },
    splits: [split("train", train)] + (test.map { [split("test", $0)] } ?? []) + more,
    fields: fields.map { RecipeField(name: $0.0, modality: $0.1) })
}

/// The bytes of an IDX file.
func idx(_ shape: [Int], type: UInt8 = 8, _ data: [UInt8]) -> [UInt8] {
  [0, 0, type, UInt8(shape.count)]
    + shape.flatMap { extent in [24, 16, 8, 0].map { UInt8(extent >> $0 & 255) } } + data
}

/// The bytes of a NumPy file, version 1.
func npy(_ descr: String, _ shape: String, fortran: Bool = false, _ data: [UInt8]) -> [UInt8] {
  var header =
    "{'descr': '\(descr)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': \(shape), }"
  while (10 + header.utf8.count + 1) % 64 != 0 { header += " " }
  header += "\n"
  return [0x93] + Array("NUMPY".utf8) + [1, 0]
    + [UInt8(header.utf8.count & 255), UInt8(header.utf8.count >> 8)] + Array(header.utf8) + data
}

/// The bytes of numbers, this machine's order.
func raw<Scalar: BitwiseCopyable>(_ numbers: [Scalar]) -> [UInt8] {
  numbers.withUnsafeBytes { Array($0) }
}

/// The checksum of RFC 1952, bit by bit.
func crc32(_ bytes: [UInt8]) -> UInt32 {
  ~bytes.reduce(~0) { checksum, byte in
    (0..<8).reduce(checksum ^ UInt32(byte)) { value, _ in
      value >> 1 ^ (value & 1 == 1 ? 0xedb8_8320 : 0)
    }
  }
}
