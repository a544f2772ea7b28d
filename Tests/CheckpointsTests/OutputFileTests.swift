import Buffers
import CLinux
import Checkpoints
import Foundation
import Glibc
import Testing

@Suite struct OutputFileTests {
  @Test func sizeAndDigestAreThoseOfTheFile() throws {
    let scratch = try Scratch()
    var file = try OutputFile(creating: scratch.file("a"))
    try file.write("abc")
    try file.write("")
    try file.write("é")
    let (count, digest) = try file.finish()
    let content = try bytes(scratch.file("a"))
    #expect(content == Data("abcé".utf8) && count == 5)
    #expect(digest == content.withUnsafeBytes { SHA256.hexadecimal(of: $0) })
  }

  @Test(arguments: [(4088, 0, 0), (4096, 0, 5 << 20), (4096, 64, 0), (4095, 0, 0), (0, 0, 5 << 20)])
  func largeStretchesThatLieWellGoPastThePageCache(header: Int, shift: Int, direct: Int) throws {
    let scratch = try Scratch()
    let memory = HostBuffer<UInt8>(count: 17 << 20)
    for index in 0..<memory.count {
      memory.base[index] = UInt8(truncatingIfNeeded: index &* 31 >> 3)
    }
    let large = UnsafeRawBufferPointer(start: memory.base + shift, count: 5 << 20 + 123)
    var file = try OutputFile(creating: scratch.file("a"))
    try file.write(String(repeating: "h", count: header))
    try file.write(large)
    try file.write("end")
    // A file system without direct writes takes the other way, and the file is the same.
    if hasDirectWrites(scratch) { #expect(file.directlyWritten == direct) }
    let (count, digest) = try file.finish()
    let content = try bytes(scratch.file("a"))
    #expect(content == Data(repeating: 104, count: header) + Data(large) + Data("end".utf8))
    #expect(count == content.count)
    #expect(digest == content.withUnsafeBytes { SHA256.hexadecimal(of: $0) })
  }

  /// Whether the file system of the scratch folder can write directly.
  private func hasDirectWrites(_ scratch: Scratch) -> Bool {
    let descriptor = open(scratch.file("probe"), O_CREAT | O_WRONLY, 0o644)
    defer { close(descriptor) }
    let memory = HostBuffer<UInt8>(count: 16 << 20)
    return CLinux_set_direct(descriptor, 1) == 0
      && Glibc.write(descriptor, memory.base, 4096) == 4096
  }

  @Test func aFullDiskIsNamed() throws {
    let descriptor = open("/dev/full", O_WRONLY)
    try #require(descriptor >= 0)
    var file = OutputFile(descriptor: descriptor, path: "shard")
    var code: CheckpointError.Code?
    var message = ""
    do {
      try file.write("abc")
    } catch let error as CheckpointError {
      code = error.code
      message = error.message
    }
    #expect(code == .noSpace)
    #expect(message.contains("cannot write shard: No space left on device; free some space"))
    file.abandon()
  }

  @Test func aSyncThatFailsIsFinal() throws {
    // A pipe can be written but not synced, as a disk that lost a write reports it.
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    defer { close(ends[0]) }
    var file = OutputFile(descriptor: ends[1], path: "shard")
    try file.write("abc")
    var failure: CheckpointError?
    do { _ = try file.finish() } catch let error as CheckpointError { failure = error }
    #expect(failure?.message.hasPrefix("cannot sync shard") == true)
  }

  @Test func linksAreNotWrittenThrough() throws {
    let scratch = try Scratch()
    try write(Data("kept".utf8), scratch.file("target"))
    try FileManager.default.createSymbolicLink(
      atPath: scratch.file("link"), withDestinationPath: scratch.file("target"))
    var failure: CheckpointError?
    do {
      let file = try OutputFile(creating: scratch.file("link"))
      _ = try file.finish()
    } catch let error as CheckpointError { failure = error }
    #expect(failure?.code == .cannotCreate)
    #expect(try bytes(scratch.file("target")) == Data("kept".utf8))
  }
}
