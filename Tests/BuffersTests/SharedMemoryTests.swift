import Buffers
import Glibc
import Testing

@Suite("Memory of a node")
struct SharedMemoryTests {
  /// Whether the kernel has taken the page of a byte.
  private func isTaken(_ memory: SharedMemory, _ place: Int) throws -> Bool {
    var state: UInt8 = 0
    let page = memory.base + place / 4096 * 4096
    try #require(mincore(page, 1, &state) == 0)
    return state & 1 == 1
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
    // The middle is as large as several large pages.
    let memory = try make(isShared, 16 << 20)
    try memory.claim([0..<5000, 0..<0, (12 << 20) + 1..<16 << 20])
    for place in [0, 4999, 12 << 20, 14 << 20, (16 << 20) - 1] {
      #expect(try isTaken(memory, place), "\(place)")
    }
    for place in [3 << 20, 6 << 20, 9 << 20] {
      #expect(try !isTaken(memory, place), "\(place)")
    }
  }
}
