import Datasets
import Foundation
import TestSupport
import Testing

/// What opening costs; a generous bound, since machines differ.
@Suite(.serialized) struct ReadingSpeedTests {
  @Test func opensManyChunksAtOnce() throws {
    let folder = try TemporaryFolder()
    // 64 chunks of 1 MiB. With 4096 of them opening took 12 ms on the reference machine.
    let rows = 64
    let writer = try SampleFileWriter(path: folder.file("a.h5"))
    let wide = SampleField(
      name: "x", element: .uint8, sampleShape: [1 << 20], axes: "SF", modality: "table")
    try writer.addField(wide, split: "train", samples: rows)
    let row = [UInt8](repeating: 3, count: 1 << 20)
    for _ in 0..<rows { try writer.append(row, to: "x", split: "train") }
    _ = try writer.finish()
    let opening = try ContinuousClock().measure {
      let data = try Dataset(configuration(["a.h5"]), relativeTo: folder.path)
      let split = try #require(try data.split(.train))
      #expect(try filled(split, [63]).floats(0)[7] == 3)
      // Straight from the mapped file: nothing went through the library.
      #expect(split.readStatistics.blocks == 0)
    }
    #expect(opening < .milliseconds(500), "\(opening)")
  }

  @Test func announcesMoreThanAGigabyte() throws {
    let folder = try TemporaryFolder()
    let writer = try SampleFileWriter(path: folder.file("a.h5"))
    let wide = SampleField(
      name: "x", element: .float32, sampleShape: [1 << 18], axes: "SF", modality: "table")
    try writer.addField(wide, split: "train", samples: 1 << 14)
    writer.abort()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }
}
