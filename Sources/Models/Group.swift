/// What every layer sees of a pass: the microbatches that go through the model in lockstep.
///
/// Without synchronised batch norms it is one microbatch at a time.
struct Group {
  /// The microbatches this rank computes, each in an arena of its own.
  let passes: UnsafeBufferPointer<Pass>
  /// g: members of the whole group, on whatever rank.
  let members: Int
  /// Where members put their statistics: room for g rows of the largest width.
  let rows: UnsafeMutablePointer<Double>
  /// S: synchronised layers of the model, which has 2 S synchronisation points.
  let synchronizedLayers: Int
  /// Where members on other ranks are met; nil where this rank computes them all.
  let meeting: (any StatisticMeeting)?
  /// Who is told how far the pass has come.
  let observer: (any PassObserver)?

  /// Returns when the rows of all members are in ``rows``, `[g, width]`.
  ///
  /// - Parameters:
  ///   - point: the synchronisation point, from 0.
  ///   - width: numbers in a row.
  func meet(point: Int, width: Int) {
    guard let meeting else {
      precondition(passes.count == members, "members on other ranks need a meeting")
      return
    }
    meeting.meet(point: point, width: width, rows: rows)
  }
}
