import Exchange
import MPI
import Models
import Parameters
import Tensors

/// The sharded tables of a model: brings the rows of coming passes here, and collects their gradients.
final class ShardedRows: RowSource {
  /// In canonical order.
  let tables: [ShardedTable]
  private unowned let model: Model
  private var microbatch = 0

  /// Zeroed tables; nil where the model has none that is sharded.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - topology: which of them share a node.
  ///   - model: gets its rows here from now on.
  init?(_ world: Communicator, _ topology: Topology, _ model: Model) {
    let all = model.layout.shardedTables
    guard !all.isEmpty else { return nil }
    self.model = model
    tables = all.enumerated().map { ShardedTable(world, topology, $1, number: $0) }
    model.rowSource = self
  }

  /// Brings the rows here that passes over some samples will read; collective.
  ///
  /// - Parameters:
  ///   - samples: those of this rank, in any number of microbatches.
  ///   - step: the optimizer step; nil for evaluation.
  /// - Throws: `MPIError` if a message fails.
  func fetch(_ samples: [Microbatch], step: Int?) throws {
    for (index, table) in tables.enumerated() {
      table.forget()
      for microbatch in samples {
        model.withIdsRead(microbatch, step: step, table: index, table.want)
      }
      try table.fetch()
    }
  }

  /// Tells which microbatch of the step passes from now on.
  func begin(microbatch index: Int) {
    microbatch = index
  }

  /// Whether the gradient of the microbatch that passed last has neither NaN nor infinity.
  var isFinite: Bool { tables.allSatisfy { $0.isFinite(microbatch: microbatch) } }

  /// `Σ g²` over all tables of the microbatch that passed last.
  var squaredNorm: Double {
    tables.reduce(0) { $0 + $1.squaredNorm(ofMicrobatch: microbatch) }
  }

  func read(
    table: Int, _ ids: UnsafeBufferPointer<Int64>, into output: UnsafeMutablePointer<Float>,
    stride: Int
  ) {
    tables[table].read(ids, into: output, stride: stride)
  }

  func add(
    table: Int, _ ids: UnsafeBufferPointer<Int64>, gradient: UnsafePointer<Float>, stride: Int
  ) {
    tables[table].add(ids, gradient: gradient, stride: stride, microbatch: microbatch)
  }
}
