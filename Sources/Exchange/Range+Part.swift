extension Range<Int> {
  /// The `index`th of `count` even parts, in order; sizes differ by at most one.
  ///
  /// - Parameters:
  ///   - index: in `0 ..< count`.
  ///   - count: the number of parts.
  /// - Returns: `⌊index · n / count⌋ ..< ⌊(index + 1) · n / count⌋`, counted from the range's start.
  public func part(_ index: Int, of count: Int) -> Range<Int> {
    let length = self.count
    return lowerBound + index * length / count..<lowerBound + (index + 1) * length / count
  }
}
