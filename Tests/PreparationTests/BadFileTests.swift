import Configuration
import Foundation
import HDF5
import Preparation
import Testing

/// Files that cannot be used are told, and never do harm.
struct BadFileTests {
  /// Prepares `bad` beside a good file and returns what is told about it.
  private func reason(_ bad: [UInt8], _ name: String, _ good: [UInt8]) throws -> String {
    let bench = try Workbench()
    try bench.write("f/bad.\(name)", bad)
    try bench.write("f/good.\(name)", good)
    let isSound = name == "wav"
    let summary = try bench.prepare(
      recipe(
        [("f", files(isSound ? .sounds : .images, .folder("f")))], train: [("x", "f")],
        fields: [("x", isSound ? .sound(.init()) : .image(.init()))]))
    let entry = try #require(summary.badFiles.first)
    #expect(summary.badFiles.count == 1 && entry.path == "bad.\(name)" && entry.source == "f")
    #expect(summary.splits.map(\.samples) == [1])
    #expect(summary.notes.contains("left out: bad.\(name): \(entry.reason)"))
    let root = try HDF5File(reading: bench.output).root
    #expect(try root.attribute("badFileCount")?.asInteger == 1)
    #expect(try root.attribute("badFiles")?.asTexts == ["f: bad.\(name): \(entry.reason)"])
    return entry.reason
  }

  /// A PNG file whose header promises other extents.
  private func huge(_ width: UInt32, _ height: UInt32) -> [UInt8] {
    var bytes = grey(4, 4, 7)
    bytes.replaceSubrange(16..<24, with: raw([width.bigEndian, height.bigEndian]))
    bytes.replaceSubrange(29..<33, with: raw([crc32(Array(bytes[12..<29])).bigEndian]))
    return bytes
  }

  @Test func pictures() throws {
    let good = grey(4, 4, 7)
    var flipped = good
    flipped[50] ^= 1
    let cases: [([UInt8], String)] = [
      ([], "the file is empty"), (Array("GIF89a".utf8), "it is neither PNG nor JPEG"),
      (Array(good.prefix(40)), "it is cut off"), (Array(good.prefix(9)), "it is cut off"),
      (flipped, "it is no whole PNG"),
      (huge(60_000, 60_000), "60000 x 60000 pixels; at most 134217728 are read"),
      (huge(10_000, 10_000), "10000 x 10000 pixels, more than so short a file holds"),
      (huge(0, 4), "4 x 0 pixels"), (huge(0xFFFF_FFFF, 0xFFFF_FFFF), "at most 134217728"),
    ]
    for (bytes, words) in cases {
      let reason = try reason(bytes, "png", good)
      #expect(reason.contains(words), "\(reason)")
    }
  }

  @Test func photographs() throws {
    #expect(smallJPEG.count > 100)
    var tall = smallJPEG
    let frame = try #require(tall.indices.first { tall[$0...].starts(with: [0xFF, 0xC0]) })
    tall.replaceSubrange(frame + 5..<frame + 9, with: [0x0F, 0xFF, 0x0F, 0xFF])
    for (bytes, words) in [
      (Array(smallJPEG.dropLast(12)), "it is no whole JPEG"),
      (Array(smallJPEG.prefix(30)), "it is no whole JPEG"), ([0xFF, 0xD8], "it is no whole JPEG"),
      (tall, "more than so short a file holds"),
    ] {
      let reason = try reason(bytes, "jpg", smallJPEG)
      #expect(reason.contains(words), "\(reason)")
    }
  }

  @Test func sounds() throws {
    let samples = raw((0..<100).map { Int16($0) })
    let good = wav(samples)
    for (bytes, words) in [
      ([], "the file is empty"), (wav([]), "it holds no samples"),
      (Array(good.prefix(100)), "it is cut off: its header says 200 bytes, found 56"),
      (Array(good.prefix(30)), "it is cut off"), (Array("RIFF".utf8), "it is cut off"),
      (wav(samples, promised: 0x7FFF_FFF0), "it is cut off"), (Array("ID3".utf8), "neither WAV"),
      (wav(raw([Float.nan, 1]), bits: 32, format: 3), "not finite"),
      (wav(samples, channels: 500), "500 channels"), (Array("fLaC".utf8), "cannot be read"),
      (wav(samples, rate: 4_000_000), "4000000 samples a second"),
      (Array("OggS".utf8) + [0, 2], "it is cut off"), (wav(samples, format: 77), "cannot be read"),
    ] as [([UInt8], String)] {
      let reason = try reason(bytes, "wav", good)
      #expect(reason.contains(words), "\(reason)")
    }
    // A length that was not known when the header was written is none to hold against the file.
    let bench = try Workbench()
    try bench.write("f/piped.wav", wav(samples, promised: 0xFFFF_FFFF))
    let summary = try bench.prepare(
      recipe(
        [("f", files(.sounds, .folder("f")))], train: [("x", "f")], fields: [("x", .sound(.init()))]
      ))
    #expect(summary.badFiles.isEmpty)
    #expect(try bench.dataset("train/x/values").shape == [100])
  }

  @Test func noFiles() throws {
    let bench = try Workbench()
    try bench.write("f/good.png", grey(1, 1, 1))
    #expect(mkfifo(bench.folder + "/f/pipe.png", 0o600) == 0)
    #expect(symlink("nowhere", bench.folder + "/f/link.png") == 0)
    // Links in circles.
    #expect(symlink(".", bench.folder + "/f/again") == 0)
    let summary = try bench.prepare(
      recipe(
        [("f", files(.images, .folder("f"), pattern: "{name}.png"))], train: [("x", "f")],
        fields: [("x", .image(.init()))]))
    #expect(
      summary.badFiles.map { [$0.path, $0.reason] } == [
        ["link.png", "No such file or directory"], ["pipe.png", "it is not a plain file"],
      ])
  }

  @Test func otherSourcesLoseTheSameRow() throws {
    let bench = try Workbench()
    for index in 0..<4 {
      try bench.write("f/\(index).png", index == 1 ? [1] : grey(1, 1, UInt8(index)))
    }
    try bench.write("y.npy", npy("<i8", "(4,)", raw([3, 2, 1, 0] as [Int64])))
    try bench.prepare(
      recipe(
        [("f", files(.images, .folder("f"))), ("y", .npy(paths: ["y.npy"]))],
        train: [("image", "f"), ("label", "y")],
        fields: [("image", .image(.init(normalize: false))), ("label", .label(.init()))]))
    #expect(try bench.bytes("train/image") == [0, 2, 3])
    #expect(try bench.labels("train/label") == [3, 1, 0])
  }

  @Test func failuresOnDemandAndWithoutAnyGoodFile() throws {
    let bench = try Workbench()
    try bench.write("f/a.png", grey(1, 1, 1))
    try bench.write("f/b.png", "text")
    let strict = recipe(
      [("f", files(.images, .folder("f"), badFiles: .fail))], train: [("x", "f")],
      fields: [("x", .image(.init()))])
    #expect(
      try bench.failure(strict).hasPrefix("source 'f': b.png: it is neither PNG nor JPEG; mend"))
    let bad = recipe(
      [("f", files(.images, .folder("f"), pattern: "{}b.png"))], train: [("x", "f")],
      fields: [("x", .image(.init()))])
    #expect(try bench.failure(bad).contains("there is no file to read"))
    try bench.write("g/b.png", "text")
    let only = recipe(
      [("f", files(.images, .folder("g")))], train: [("x", "f")], fields: [("x", .image(.init()))])
    #expect(try bench.failure(only).contains("none of the 1 files can be used"))
    let absent = recipe(
      [("f", files(.images, .folder("h")))], train: [("x", "f")], fields: [("x", .image(.init()))])
    #expect(
      try bench.failure(absent, code: .missingSource).contains("/h cannot be read: No such file"))
  }

  @Test func damagedArchives() throws {
    let bench = try Workbench()
    let archive = tar((0..<9).map { ("x/\($0).png", grey(9, 9, UInt8($0))) })
    try bench.write("a.tar", archive)
    try bench.gzip("a.tar")
    let packed = try bench.read("a.tar.gz")
    try bench.write("cut.tar.gz", Array(packed.prefix(packed.count / 2)))
    var flipped = packed
    flipped[packed.count - 2000] ^= 4
    try bench.write("flipped.tar.gz", flipped)
    try bench.write("short.tar", Array(archive.prefix(700)))
    try bench.write("none.zip", [])
    try bench.write("text.tar", "this is not an archive at all")
    for (name, words) in [
      ("cut.tar.gz", "the gzip stream is cut off"),
      ("flipped.tar.gz", "the gzip stream is damaged"),
      ("short.tar", "cannot be read after"), ("none.zip", "the archive is empty"),
      ("text.tar", "cannot be read after 0 files"),
    ] {
      let recipe = recipe(
        [("a", files(.images, .archive(name)))], train: [("x", "a")],
        fields: [("x", .image(.init()))])
      let message = try bench.failure(recipe)
      #expect(message.contains(words) && message.hasPrefix(name), "\(message)")
    }
  }
}
