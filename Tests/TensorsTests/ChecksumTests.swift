import Glibc
import Tensors
import Testing

@Suite("Checksums and processor state")
struct ChecksumTests {
  // The last four bytes of chunks written by h5py 3.16.0 over HDF5 2.0.0 with fletcher32=True,
  // byte i being (7 i + 13 (i / 256) + 3) mod 256.
  static let recorded: [(Int, UInt32)] = [
    (1, 0x0300_0300), (2, 0x030a_030a), (3, 0x1714_140a), (719, 0x04b4_e1f5),
    (720, 0x057a_e2bb), (721, 0xb536_afbc), (1441, 0x1f88_1b28), (5000, 0x49d4_5bb8),
  ]

  private func checksum(_ bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { Kernels.fletcher32($0, count: buffer.count) } ?? 0
    }
  }

  @Test("Fletcher-32 equals what HDF5 stores behind a chunk", arguments: recorded)
  func chunks(count: Int, stored: UInt32) {
    let bytes = (0..<count).map { (i: Int) -> UInt8 in UInt8((i * 7 + i / 256 * 13 + 3) % 256) }
    #expect(checksum(bytes) == stored)
  }

  @Test("Fletcher-32 of zeros is 0 and of ones is all ones, as HDF5's")
  func extremes() {
    #expect(checksum([UInt8](repeating: 0, count: 1000)) == 0)
    #expect(checksum([UInt8](repeating: 255, count: 1000)) == 0xffff_ffff)
    #expect(checksum([UInt8](repeating: 255, count: 3)) == 0xff00_ff00)
  }

  @Test(
    "Fletcher-32 of a long run equals the word-by-word definition", arguments: [100_000, 100_001])
  func long(count: Int) {
    let random = CounterRandom(seed: 4, purpose: .synthesis)
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: random.bits(at: $0)) }
    var low: UInt64 = 0
    var high: UInt64 = 0
    for start in stride(from: 0, to: count, by: 2) {
      let second = start + 1 < count ? UInt64(bytes[start + 1]) : 0
      let word = UInt64(bytes[start]) << 8 | second
      low = (low + word) % 65535
      high = (high + low) % 65535
    }
    // HDF5 folds instead of dividing: a sum that is a positive multiple of 65535 stays 65535.
    if low == 0 { low = 65535 }
    if high == 0 { high = 65535 }
    #expect(checksum(bytes) == UInt32(high << 16 | low))
  }

  @Test("Denormals are flushed on the calling thread")
  func denormals() {
    let smallest = [Float.leastNormalMagnitude]
    #expect(isolated { Kernels.sum(1, smallest.map { $0 / 2 }) } != 0)
    let flushed = isolated {
      flushDenormals()
      var half = smallest
      Kernels.scale(count: 1, factor: 0.5, values: &half)
      return Double(half[0])
    }
    #expect(flushed == 0)
  }
}

@Suite("Builds of the kernels")
struct BuildTests {
  @Test("Every x86-64 has the baseline, and the default is the best supported build")
  func names() {
    #expect(Kernels.builds == ["v4", "v3", "baseline"])
    #expect(Kernels.supportedBuilds.last == "baseline")
    #expect(Kernels.builds.contains(Kernels.name))
  }

  @Test("A thread can use a build of its own, and gets its old one back")
  func threads() throws {
    let before = Kernels.name
    let inside = try Kernels.with(build: "baseline") { Kernels.name }
    #expect(inside == "baseline")
    #expect(Kernels.name == before)
  }

  @Test("An unknown build is refused with the names that exist")
  func unknown() {
    #expect {
      try Kernels.select("v5")
    } throws: { error in
      "\(error)" == "AIMASS_KERNELS: there is no build 'v5'; use one of v4, v3, baseline"
    }
  }
}
