import Buffers
import Glibc
import Testing

@Suite("Memory of a node")
struct SharedMemoryTests {
  /// Bytes of the pages that the kernel has taken for it.
  private func takenBytes(_ memory: SharedMemory) throws -> Int {
    if memory.descriptor >= 0 {
      var status = stat()
      try #require(fstat(memory.descriptor, &status) == 0)
      return 512 * Int(status.st_blocks)
    }
    var pages = [UInt8](repeating: 0, count: (memory.byteCount + 4095) / 4096)
    try #require(mincore(memory.base, memory.byteCount, &pages) == 0)
    return 4096 * pages.count { $0 & 1 == 1 }
  }

  private func make(_ isShared: Bool, _ bytes: Int) throws -> SharedMemory {
    try isShared
      ? SharedMemory(byteCount: bytes, name: "test") : SharedMemory(ofOneProcess: bytes)
  }

  @Test(
    "It is zeroed, and holds what is written, shared or not", arguments: [true, false],
    [1, 4097, 2 << 20, (5 << 20) + 7])
  func holds(isShared: Bool, bytes: Int) throws {
    let memory = try make(isShared, bytes)
    #expect(memory.byteCount == bytes && (memory.descriptor >= 0) == isShared)
    try memory.claim([0..<bytes / 2, bytes / 2..<bytes])
    let all = UnsafeMutableRawBufferPointer(start: memory.base, count: bytes)
    #expect(all.allSatisfy { $0 == 0 })
    all.copyBytes(from: repeatElement(7, count: bytes))
    #expect(all.allSatisfy { $0 == 7 })
    try memory.claim([0..<bytes])
    #expect(all.allSatisfy { $0 == 7 })
  }

  @Test("Only what is claimed or written takes memory", arguments: [true, false])
  func takes(isShared: Bool) throws {
    let memory = try make(isShared, 32 << 20)
    #expect(try takenBytes(memory) == 0)
    // Between the parts there is room for several large pages.
    let parts = [0..<5000, 0..<0, (24 << 20) + 1..<32 << 20]
    try memory.claim(parts)
    let wanted = parts.reduce(0) { $0 + $1.count }
    // Large pages may take a little more than was asked for.
    #expect(try (wanted..<wanted + (6 << 20)).contains(takenBytes(memory)))
  }
}
