extension Split {
  /// Bytes that decoded blocks take at most where the ranks of a node keep them together.
  ///
  /// - Parameters:
  ///   - order: in which samples are read; nil is that of the split.
  ///   - readers: the ranks.
  /// - Returns: what ``share(_:readers:reader:at:keeper:)`` needs; 0 where nothing is decoded.
  public func sharedByteCount(_ order: Sampler?, readers: Int) -> Int {
    rooms(order, readers).reduce(0) { $0 + BlockCache.byteCount($1.extents) }
  }

  /// Keeps decoded blocks in memory that the ranks of a node see, so that one of them decodes each.
  ///
  /// The first reader calls it before the others read. Nobody is reading meanwhile.
  ///
  /// - Parameters:
  ///   - order: as for ``sharedByteCount(_:readers:)``.
  ///   - readers: the ranks.
  ///   - reader: this one, in `0 ..< readers`.
  ///   - base: zeroed memory of so many bytes, at a page border.
  ///   - keeper: holds the memory.
  public func share(
    _ order: Sampler?, readers: Int, reader: Int, at base: UnsafeMutableRawPointer,
    keeper: AnyObject
  ) {
    var base = base
    for (source, extents) in rooms(order, readers) {
      let cache = BlockCache(extents, at: base, keeper: keeper, reader: reader)
      if reader == 0 { cache.prepare() }
      source.use(cache)
      base += BlockCache.byteCount(extents)
    }
  }

  /// Makes the room that an order needs; nobody is reading.
  func makeRoom(for order: Sampler?) {
    for (source, run, runs) in runs(order) { source.makeRoom(run: run, runs: runs) }
  }

  private func rooms(
    _ order: Sampler?, _ readers: Int
  ) -> [(source: BlockSource, extents: BlockCache.Extents)] {
    runs(order).map { ($0, $0.extents(run: $1, runs: $2, readers: readers)) }
  }

  /// The datasets that are decoded, with the rows of a run and the runs of a window.
  private func runs(_ order: Sampler?) -> [(BlockSource, run: Int, runs: Int)] {
    var (run, runs) = (0, 0)
    if case .window(let length, let count) = order?.order { (run, runs) = (length, count) }
    return contents.flatMap { content in
      content.segments.compactMap { segment in
        guard let source = segment.source as? BlockSource else { return nil }
        // Samples of different lengths: as many rows as they have on average.
        let rows = Double(run) * Double(source.rowCount) / Double(max(1, segment.count))
        return (source, Int(rows.rounded(.up)), runs)
      }
    }
  }
}
