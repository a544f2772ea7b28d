import Tensors
import Testing

@Suite("Numbers for messages between nodes")
struct WireTests {
  /// Special values, halfway points of both parities, and bit patterns drawn at random.
  private static let values: [Float] = {
    var bits: [UInt32] = [
      0, 0x8000_0000, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0x7F80_0001, 0xFFFF_FFFF, 0x7F7F_FFFF,
      0xFF7F_FFFF, 0x7F7F_7FFF, 0x7F7F_8000, 1, 0x8000_0001, 0x0000_8000, 0x0000_8001, 0x0001_8000,
      0x3F80_8000, 0x3F81_8000, 0x3F80_7FFF, 0x3F80_8001, 0x007F_FFFF,
    ]
    var random = SystemRandomNumberGenerator()
    for _ in 0..<5_000 { bits.append(.random(in: .min ... .max, using: &random)) }
    return bits.map(Float.init(bitPattern:))
  }()

  @Test("Rounding is to nearest even, and NaN stays NaN, in every build")
  func rounding() throws {
    let values = Self.values
    let expected = values.map(Reference.bfloat16)
    try onEachBuild { build in
      for count in [0, 1, 15, 17, 33, values.count] {
        var found = [UInt16](repeating: 0xABCD, count: values.count)
        Kernels.roundToBFloat16(count: count, source: values, output: &found)
        #expect(found[..<count] == expected[..<count], "\(build)")
        #expect(found[count...].allSatisfy { $0 == 0xABCD }, "\(build)")
      }
    }
  }

  @Test("Widening is exact, and rounding undoes it, in every build")
  func widening() throws {
    let all = (0...UInt16.max).map { $0 }
    try onEachBuild { build in
      var wide = [Float](repeating: 1, count: all.count)
      Kernels.widenBFloat16(count: all.count, source: all, output: &wide)
      #expect(wide.map(\.bitPattern) == all.map { UInt32($0) << 16 }, "\(build)")
      var back = [UInt16](repeating: 0, count: all.count)
      Kernels.roundToBFloat16(count: all.count, source: wide, output: &back)
      let quiet = all.map { $0 & 0x7FFF > 0x7F80 ? $0 | 0x40 : $0 }
      #expect(back == quiet, "\(build)")
    }
  }
}
