import Foundation
import HDF5
import TestSupport
import Testing

/// Opening, creating and damaged files, without any other implementation.
struct HDF5FileTests {
  private func write(_ path: String, chunked: Bool = true) throws {
    let file = try HDF5File(creating: path)
    let group = try file.root.createGroup("train")
    let storage = chunked ? HDF5Storage(rowsPerChunk: 100, filters: [.fletcher32]) : HDF5Storage()
    let data = try group.createDataset("image", of: Int32.self, shape: [1000, 4], storage: storage)
    try data.writeRows(0..<1000, from: (0..<4000).map { Int32($0) })
    try data.setAttribute("axes", to: .text("SF"))
    try file.close()
  }

  private func failure(_ path: String) -> HDF5Error? {
    #expect(throws: HDF5Error.self) { try HDF5File(reading: path) }
  }

  @Test func readsBackWhatItWrote() throws {
    let folder = try TemporaryFolder()
    for chunked in [true, false] {
      let path = folder.file("\(chunked).h5")
      try write(path, chunked: chunked)
      let root = try HDF5File(reading: path).root
      #expect(try root.names() == ["train"])
      #expect(try root.group("train").names() == ["image"])
      let data = try root.dataset("train/image")
      #expect(try data.readAll(as: Int32.self) == (0..<4000).map { Int32($0) })
      #expect(try data.readAll(as: Int64.self) == (0..<4000).map { Int64($0) })
      #expect(try data.readAll(as: Double.self) == (0..<4000).map { Double($0) })
      #expect(throws: HDF5Error.self) { try data.readAll(as: Float.self) }
      #expect(try data.attribute("axes")?.asText == "SF")
    }
  }

  @Test func equalContentGivesEqualBytes() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("a.h5"))
    Thread.sleep(forTimeInterval: 1.1)
    try write(folder.file("b.h5"))
    let first = try Data(contentsOf: URL(fileURLWithPath: folder.file("a.h5")))
    let second = try Data(contentsOf: URL(fileURLWithPath: folder.file("b.h5")))
    #expect(first == second)
  }

  @Test func namesWhatIsNoFile() throws {
    let folder = try TemporaryFolder()
    #expect(failure(folder.file("none.h5"))?.code == .notFound)
    #expect(failure(folder.path)?.code == .notHDF5)
    try Data().write(to: URL(fileURLWithPath: folder.file("empty.h5")))
    #expect(failure(folder.file("empty.h5"))?.message.contains("empty") == true)
    try Data(repeating: 65, count: 5000).write(to: URL(fileURLWithPath: folder.file("text.h5")))
    #expect(failure(folder.file("text.h5"))?.code == .notHDF5)
  }

  @Test func doesNotOverwrite() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("a.h5"))
    let error = #expect(throws: HDF5Error.self) { try HDF5File(creating: folder.file("a.h5")) }
    #expect(error?.code == .exists)
    _ = try HDF5File(reading: folder.file("a.h5"))
  }

  @Test func namesTheNearestDataset() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("a.h5"))
    let root = try HDF5File(reading: folder.file("a.h5")).root
    let error = #expect(throws: HDF5Error.self) { try root.dataset("/train/imgae") }
    #expect(error?.description.contains("did you mean 'image'?") == true, "\(error)")
    let other = #expect(throws: HDF5Error.self) { try root.dataset("/tarin/image") }
    #expect(other?.description.contains("did you mean 'train'?") == true, "\(other)")
    let kind = #expect(throws: HDF5Error.self) { try root.dataset("train") }
    #expect(kind?.code == .typeMismatch)
  }

  @Test func refusesEveryTruncation() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("a.h5"))
    let whole = try Data(contentsOf: URL(fileURLWithPath: folder.file("a.h5")))
    for length in stride(from: 1, to: whole.count, by: whole.count / 37) {
      let path = folder.file("cut.h5")
      try whole.prefix(length).write(to: URL(fileURLWithPath: path))
      let error = failure(path)
      #expect(error?.code == .damaged || error?.code == .notHDF5, "\(length): \(error)")
    }
  }

  @Test func noFlippedBitIsReadAsData() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("a.h5"))
    let whole = try Data(contentsOf: URL(fileURLWithPath: folder.file("a.h5")))
    let expected = (0..<4000).map { Int32($0) }
    var refused = 0
    for trial in 0..<150 {
      var bytes = whole
      bytes[(trial * 7919) % whole.count] ^= UInt8(1 << (trial % 8))
      let path = folder.file("flip.h5")
      try bytes.write(to: URL(fileURLWithPath: path))
      do {
        let values = try HDF5File(reading: path).root.dataset("train/image").readAll(as: Int32.self)
        #expect(values == expected, "a flipped bit in byte \((trial * 7919) % whole.count)")
      } catch {
        refused += 1
      }
    }
    #expect(refused > 75, "only \(refused) of 150 were refused")
  }

  @Test func elementsConvertOnlyWithoutLoss() {
    #expect(UInt8.element.converts(to: Int16.element))
    #expect(UInt8.element.converts(to: Float.element))
    #expect(Int16.element.converts(to: Float.element))
    #expect(!Int32.element.converts(to: Float.element))
    #expect(Int32.element.converts(to: Double.element))
    #expect(!UInt64.element.converts(to: Int64.element))
    #expect(!Int8.element.converts(to: UInt64.element))
    #expect(!Double.element.converts(to: Float.element))
    #expect(!Float.element.converts(to: Int64.element))
    #expect(Float.element.converts(to: Double.element))
  }
}
