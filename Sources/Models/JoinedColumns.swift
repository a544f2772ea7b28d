/// Where a layer's output lies whose rows, one a sample, may be columns of a join.
struct JoinedColumns: Equatable {
  /// The tensor that the rows are in: the layer's own, or the join's.
  let place: Place
  /// The first column.
  let column: Int
  /// Columns from one row to the next.
  let stride: Int
}

/// A layer that can write its output into a join, and read the output's gradient in that of the join: nothing is
/// copied then.
protocol JoinableLayer: MicrobatchLayer {
  /// Where the output goes; at first what ``Layer/output`` says.
  var columns: JoinedColumns { get set }
}

extension JoinableLayer {
  /// Whether rows are vectors of all samples, and so can be columns.
  var isJoinable: Bool {
    output.axis == nil && !output.isSequence && output.unitCount == output.channels
  }
}
