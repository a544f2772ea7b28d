/// Where the rows of tables come from that no rank holds whole, and where their gradients go.
///
/// Who implements it has fetched the rows of ``Model/withIdsRead(_:step:table:_:)`` before a pass, and sends
/// gradients on after it: a pass itself never waits.
public protocol RowSource: AnyObject {
  /// Writes a row for each id.
  ///
  /// - Parameters:
  ///   - table: the table's place among the layout's sharded tables.
  ///   - ids: numbers of rows.
  ///   - output: room for a row for each.
  ///   - stride: floats from one of these rows to the next, at least the width.
  func read(
    table: Int, _ ids: UnsafeBufferPointer<Int64>, into output: UnsafeMutablePointer<Float>,
    stride: Int)

  /// Takes the gradient of what was read.
  ///
  /// - Parameters:
  ///   - table: the table's place among the layout's sharded tables.
  ///   - ids: as they were read.
  ///   - gradient: a row for each.
  ///   - stride: floats from one of these rows to the next, at least the width.
  func add(
    table: Int, _ ids: UnsafeBufferPointer<Int64>, gradient: UnsafePointer<Float>, stride: Int)
}

/// Where the layers of a model find the source of rows of the coming passes.
final class RowPort {
  weak var source: (any RowSource)?
}

/// An embedding whose table is sharded: ids `[…]` become `[…, size]`.
final class ShardedEmbeddingLayer: JoinableLayer {
  let input: Value
  let output: Value
  var columns: JoinedColumns
  private let ids: Extent
  private let table: Int
  private let port: RowPort
  private var outputGradient = Place.slab(0)

  /// An embedding that reads the sharded table number `table` through `port`.
  init(input: Value, output: Value, table: Int, port: RowPort) {
    self.input = input
    self.output = output
    self.table = table
    self.port = port
    ids = input.scalars
    columns = JoinedColumns(place: output.place, column: 0, stride: output.channels)
  }

  private var source: any RowSource {
    guard let source = port.source else {
      preconditionFailure("rows of a sharded table need a source")
    }
    return source
  }

  private func rows(_ pass: Pass) -> UnsafeBufferPointer<Int64> {
    UnsafeBufferPointer(start: pass.integers(input.place), count: pass.count(ids))
  }

  func forward(_ pass: Pass) {
    source.read(
      table: table, rows(pass), into: pass.floats(columns.place) + columns.column,
      stride: columns.stride)
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    slabs.release(gradient)
    return nil
  }

  func backward(_ pass: Pass) {
    source.add(
      table: table, rows(pass), gradient: pass.floats(outputGradient) + columns.column,
      stride: columns.stride)
  }
}
