import CKernels

/// Sums over the rows of a batch, in Float64: chunk by chunk, then over the chunks in order. Chunks follow from the
/// shape alone, so it does not matter which thread has which.
extension Kernels {
  /// Rows of a chunk: few enough for a cache, enough for what is kept of each to be little.
  private static func chunkRows(_ channels: Int) -> Int { max(64, 16_384 / channels) }

  /// Chunks of a batch.
  static func chunks(rows: Int, channels: Int) -> Int {
    let size = chunkRows(channels)
    return (rows + size - 1) / size
  }

  /// Scratch of the calling thread: two numbers a channel for all chunks together, and two for each of them.
  static func momentRoom(rows: Int, channels: Int) -> UnsafeMutablePointer<Double>? {
    let count = (chunks(rows: rows, channels: channels) + 1) * 2 * channels
    return UnsafeMutableRawPointer(CKernels_threadScratch(Int64(2 * count)))?
      .assumingMemoryBound(to: Double.self)
  }

  /// Calls `body` for every chunk and its rows, on all threads.
  static func forEachChunk(
    rows: Int, channels: Int, _ body: (_ chunk: Int, _ rows: Range<Int>) -> Void
  ) {
    let size = chunkRows(channels)
    split(chunks(rows: rows, channels: channels), work: 2 * rows * channels) { range in
      for chunk in range { body(chunk, chunk * size..<min((chunk + 1) * size, rows)) }
    }
  }

  /// The mean of each channel, and behind all of them the sums of squared distances from it, at the beginning of
  /// ``momentRoom(rows:channels:)``.
  ///
  /// Two chunks' moments combine as in Chan, Golub and LeVeque 1979.
  static func chunkedMoments(
    rows: Int, channels: Int, _ x: ConstantFloats, _ room: UnsafeMutablePointer<Double>
  ) {
    forEachChunk(rows: rows, channels: channels) { chunk, range in
      let place = room + (chunk + 1) * 2 * channels
      table.pointee.batchNormMoments(
        Int64(range.count), Int64(channels), x + range.lowerBound * channels, place,
        place + channels)
    }
    let size = chunkRows(channels)
    for channel in 0..<channels {
      var (mean, squares) = (0.0, 0.0)
      for chunk in 0..<chunks(rows: rows, channels: channels) {
        let place = room + (chunk + 1) * 2 * channels + channel
        let before = Double(chunk * size)
        let count = Double(min(size, rows - chunk * size))
        let step = place[0] - mean
        mean += step * (count / (before + count))
        squares += place[channels] + step * step * (before * count / (before + count))
      }
      (room[channel], room[channels + channel]) = (mean, squares)
    }
  }
}
