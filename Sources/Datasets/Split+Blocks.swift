extension Split {
  /// What reading has taken from the files since the split was opened.
  public var readStatistics: ReadStatistics {
    var total = ReadStatistics()
    for content in contents {
      for segment in content.segments { segment.rows.add(to: &total) }
    }
    return total
  }

  /// The datasets of all fields and files.
  private var sources: [any RowSource] { contents.flatMap { $0.segments.map(\.source) } }

  /// Begins a series of places from 0 on.
  func begin() { for source in sources { source.begin() } }

  /// Tells how far this process is in the series.
  func reach(_ stamp: Int) { for source in sources { source.reach(stamp) } }

  /// Whether every block could be lent at once, so that nothing is worth reading ahead.
  var isWhole: Bool { sources.allSatisfy(\.isWhole) }

  /// Names the blocks in which consecutive samples lie, of every field.
  func forEachBlock(of samples: Range<Int>, _ body: (any RowSource, Int) -> Void) {
    guard !samples.isEmpty else { return }
    // Samples of a selection keep the order of their rows.
    let first = selection?[samples.lowerBound] ?? samples.lowerBound
    let last = selection?[samples.upperBound - 1] ?? samples.upperBound - 1
    for content in contents {
      for segment in content.segments where segment.start <= last && segment.end > first {
        let range =
          max(first, segment.start) - segment.start...min(last, segment.end - 1) - segment.start
        let rows = segment.extents.rows(of: range)
        guard !rows.isEmpty else { continue }
        let source = segment.source
        let size = source.rowsPerBlock
        for block in rows.lowerBound / size...(rows.upperBound - 1) / size { body(source, block) }
      }
    }
  }
}
