import Synchronization

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
    sharingReaders.store(readers, ordering: .relaxed)
    for (source, extents) in rooms(order, readers) {
      let cache = BlockCache(extents, at: base, keeper: keeper, reader: reader)
      if reader == 0 { cache.prepare() }
      source.use(cache)
      base += BlockCache.byteCount(extents)
    }
  }

  /// Makes the room that an order needs, and reads as it suits; nobody is reading.
  func makeRoom(for order: Sampler?) {
    // As was decided for all that share rooms.
    let rooms = rooms(order, sharingReaders.load(ordering: .relaxed))
    let chosen = Set(rooms.map { ObjectIdentifier($0.source) })
    forEachSegment(order) { segment, reading in
      segment.rows.choose { chosen.contains(ObjectIdentifier($0)) }?.makeRoom(reading)
    }
  }

  /// The sources whose blocks an order reads, and their rooms: all that is decoded, and plain rows where the rooms of the
  /// whole split leave enough memory to others.
  private func rooms(
    _ order: Sampler?, _ readers: Int
  ) -> [(source: BlockSource, extents: BlockCache.Extents)] {
    var rooms: [(source: BlockSource, extents: BlockCache.Extents)] = []
    var decoded = rooms
    var bytes = 0
    var most = Int.max
    forEachSegment(order) { segment, reading in
      guard let source = segment.rows.blocks(for: reading, readers: readers) else { return }
      let room = (source, source.extents(reading, readers: readers))
      rooms.append(room)
      if source === segment.rows.own { decoded.append(room) }
      bytes += BlockCache.byteCount(room.1)
      most = source.memory.roomBytes(reading, readers: readers)
    }
    return bytes > most ? decoded : rooms
  }

  /// The datasets of all fields and files, with the way in which an order reads their rows.
  private func forEachSegment(
    _ order: Sampler?, _ body: (FieldSegment, BlockSource.Reading) -> Void
  ) {
    for content in contents {
      for segment in content.segments {
        switch order?.order {
        case nil, .some(.none): body(segment, .inOrder)
        case .window(let length, let runs):
          // Samples of different lengths: as many rows as they have on average.
          let rows = segment.source.rowCount
          let run = Double(length) * Double(rows) / Double(max(1, segment.count))
          body(segment, .windows(run: Int(run.rounded(.up)), runs: runs))
        default: body(segment, .anywhere)
        }
      }
    }
  }
}
