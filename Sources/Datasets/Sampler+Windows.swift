extension Sampler {
  /// The positions of a windowed order that are mixed with one another; nil for other orders.
  ///
  /// - Parameter position: in `0 ..< count`.
  /// - Returns: the window that holds it.
  func window(holding position: Int) -> Range<Int>? {
    guard case .window(let runLength, let window) = order else { return nil }
    let length = runLength * window
    let start = position / length * length
    return start..<min(start + length, count)
  }

  /// The samples of a window, run by run.
  ///
  /// - Parameters:
  ///   - window: from ``window(holding:)``.
  ///   - epoch: from 0.
  /// - Returns: stretches of consecutive samples; together as many as the window has positions.
  func runs(ofWindow window: Range<Int>, epoch: Int) -> [Range<Int>] {
    guard case .window(let runLength, _) = order else { return [] }
    var runs: [Range<Int>] = []
    var place = window.lowerBound
    while place < window.upperBound {
      let sample = joined(place, epoch, runLength: runLength)
      let end = min((sample / runLength + 1) * runLength, count)
      let length = min(end - sample, window.upperBound - place)
      runs.append(sample..<sample + length)
      place += length
    }
    return runs
  }
}
