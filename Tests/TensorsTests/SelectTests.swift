import Tensors
import Testing

/// Keeping magnitudes in a range, against the definition.
@Suite struct SelectTests {
  private static func draw(_ count: Int) -> [Float] {
    (0..<count).map { index in
      let bits = UInt32(truncatingIfNeeded: index &* 2_654_435_761) ^ 0x3F12_3456
      let value = Float(bitPattern: bits)
      return value.isFinite ? value : -0.0
    }
  }

  @Test(arguments: Kernels.supportedBuilds)
  func keepsWhatTheDefinitionKeeps(build: String) throws {
    try Kernels.with(build: build) {
      for count in [0, 1, 15, 16, 17, 64, 1000] {
        let values = Self.draw(count)
        for range: ClosedRange<UInt32> in [
          0...0, 0...0x7F7F_FFFF, 0x3000_0000...0x4000_0000, 0x3F00_0000...0x3F00_0000,
        ] {
          let keys = values.map(\.magnitude.bitPattern)
          var kept = [UInt32](repeating: 7, count: count + 16)
          var below = 5
          let found = Kernels.keepMagnitudes(
            count: count, values: values, in: range, kept: &kept, room: kept.count, below: &below)
          #expect(found == keys.count(where: range.contains))
          #expect(Array(kept.prefix(found ?? 0)) == keys.filter(range.contains))
          #expect(below == 5 + keys.count { $0 < range.lowerBound })
        }
      }
    }
  }

  @Test(arguments: Kernels.supportedBuilds)
  func tellsWhatIsNotFiniteAndWhereRoomIsShort(build: String) throws {
    try Kernels.with(build: build) {
      var (kept, below) = ([UInt32](repeating: 0, count: 200), 0)
      for place in [0, 40, 63, 66] {
        for bad in [Float.nan, -.nan, .infinity, -.infinity] {
          var values = Self.draw(67)
          values[place] = bad
          let found = Kernels.keepMagnitudes(
            count: 67, values: values, in: 0...1, kept: &kept, room: 200, below: &below)
          #expect(found == nil)
        }
      }
      let found = Kernels.keepMagnitudes(
        count: 67, values: Self.draw(67), in: 0...0x7F7F_FFFF, kept: &kept, room: 60, below: &below)
      #expect(found == nil && below == 0)
    }
  }
}
