import Buffers
import Parameters
import Testing

@Suite("Masks of live parameters")
struct ParameterMaskTests {
  @Test("Counting, packing and clearing equal their definitions", arguments: [0, 0.1, 0.5, 0.9, 1])
  func definitions(share: Double) {
    for count in [1, 63, 64, 65, 500] {
      let live = (0..<count).map { _ in Double.random(in: 0..<1) < share }
      let mask = ParameterMask(count: count) { live[$0] }
      #expect(mask.liveCount == live.count { $0 })
      #expect((0..<count).map(mask.isLive) == live)
      for _ in 0..<20 {
        let low = Int.random(in: 0...count)
        let range = low..<Int.random(in: low...count)
        let places = range.filter { live[$0] }
        #expect(mask.liveCount(in: range) == places.count)
        #expect(mask.rank(low) == live[..<low].count { $0 })
        let values = range.map { Float($0 + 1) }
        var packed = [Float](repeating: -1, count: range.count + 1)
        mask.pack(range, from: values, into: &packed)
        let expected = places.map { Float($0 + 1) }
        #expect(packed == expected + [Float](repeating: -1, count: packed.count - places.count))
        var back = [Float](repeating: -2, count: range.count)
        mask.unpack(range, from: packed, into: &back)
        #expect(back == range.map { live[$0] ? Float($0 + 1) : -2 })
        mask.clearDead(range, in: &back)
        #expect(back == range.map { live[$0] ? Float($0 + 1) : 0 })
      }
    }
  }

  @Test("A mask from its own bits is the same mask") func bits() {
    for count in [0, 1, 64, 65, 4096, 5000] {
      let mask = ParameterMask(count: count) { $0 % 3 == 1 }
      let words = HostBuffer<UInt64>(count: ParameterMask.wordCount(of: count))
      for (index, word) in mask.bits.enumerated() { words[index] = word }
      let copy = ParameterMask(count: count, words: words)
      #expect(copy.liveCount == mask.liveCount && copy.checksum == mask.checksum)
      #expect((0..<count).allSatisfy { copy.isLive($0) == mask.isLive($0) })
      #expect((0...count).allSatisfy { copy.rank($0) == mask.rank($0) })
      guard count > 1 else { continue }
      #expect(ParameterMask(count: count) { $0 % 3 == 0 }.checksum != mask.checksum)
    }
  }
}
