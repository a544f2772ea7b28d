extension Reference {
  /// The bfloat16 nearest to `value`, found by looking at both neighbours.
  package static func bfloat16(_ value: Float) -> UInt16 {
    let below = UInt16(truncatingIfNeeded: value.bitPattern >> 16)
    if value.isNaN { return below | 0x40 }
    let low = Double(Float(bitPattern: UInt32(below) << 16))
    if Double(value) == low || value.isInfinite { return below }
    // Away from zero; one step beyond the largest is infinity, which stands for 2¹²⁸ here.
    let above = below + 1
    let next = Float(bitPattern: UInt32(above) << 16)
    let high = next.isInfinite ? (next < 0 ? -0x1p128 : 0x1p128) : Double(next)
    let (down, up) = (abs(Double(value) - low), abs(high - Double(value)))
    if down == up { return below % 2 == 0 ? below : above }
    return down < up ? below : above
  }
}
