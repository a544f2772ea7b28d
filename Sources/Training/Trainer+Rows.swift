import Checkpoints
import Datasets
import Exchange
import Models
import Optimizers
import Parameters
import Tensors

/// What the trainer keeps for sharded tables.
struct RowParts {
  /// The tables.
  let rows: ShardedRows
  /// The state of each table's owned rows.
  let states: [RowState]
  /// The most microbatches that this rank computes in a step, all of which are read before the first passes.
  let mostMicrobatches: Int
}

extension Trainer {
  /// The sharded tables of the model, nil where there is none.
  static func makeRows(
    _ exchange: Exchange, _ setUp: TrainingSetUp, _ optimizer: Optimizer
  ) -> RowParts? {
    let (node, model) = (exchange.node, setUp.model)
    guard let rows = ShardedRows(node.world, node.topology, model) else { return nil }
    // A step of fewer microbatches may give one rank more than a full one.
    let (local, size) = (node.local.size, node.topology.size)
    let run = (setUp.plan.microbatchCount(ofStep: 0) * local + size - 1) / size
    return RowParts(
      rows: rows,
      states: rows.tables.map { optimizer.makeState($0.table, rows: $0.owned) },
      mostMicrobatches: max(1, (run + local - 1) / local))
  }

  /// Takes this rank's microbatches of the step, and brings the rows of sharded tables here that they will read.
  func fetchRows(from loader: BatchLoader, step: Int) throws {
    guard let rowParts else { return }
    held.removeAll(keepingCapacity: true)
    for index in exchange.share {
      held.append(try readMicrobatch(index, from: loader, step: step))
    }
    clock.enter(.publish)
    clock.waits(for: .everyone)
    try rowParts.rows.fetch(held, step: step)
    clock.wentOn()
  }

  /// Adds the gradients of sharded rows up at their owners, and measures them; moves the rows in the same sweep where nothing has to be known first.
  ///
  /// Called when this rank has taken all buckets, so that nobody waits for it while it waits here. All ranks have
  /// their rows for this step then, so owners may move them.
  func reduceRows(microbatches: Int) throws {
    guard let rowParts else { return }
    clock.enter(.reduce)
    clock.waits(for: .everyone)
    for table in rowParts.rows.tables { try table.reduce(microbatches: microbatches) }
    clock.wentOn()
    for (table, state) in zip(rowParts.rows.tables, rowParts.states) {
      let sums = self.table.gradientNorms
      for piece in optimizer.pieces(ofRows: table.owned, of: table.table) { sums[piece] = 0 }
      if !updatesEarly { optimizer.measureGradient(table.sums, state, into: sums) }
    }
    if updatesEarly { moveRows(gradientScale: 1, sums: self.table.gradientNorms) }
  }

  /// Moves the touched rows that this rank owns, where that had to wait for the norm.
  func updateRows(gradientScale: Float) {
    if !updatesEarly { moveRows(gradientScale: gradientScale, sums: nil) }
  }

  private func moveRows(gradientScale: Float, sums: UnsafeMutablePointer<Double>?) {
    guard let rowParts else { return }
    clock.enter(.update)
    let factor = learningRateFactor(at: state.step)
    for (table, state) in zip(rowParts.rows.tables, rowParts.states) {
      optimizer.update(
        table.sums, state, weights: table.values, gradientScale: gradientScale,
        learningRateFactor: factor, sums: sums)
    }
  }

  /// What this rank's shard of a checkpoint holds of sharded tables.
  var rowArrays: [ShardArray] {
    guard let rowParts else { return [] }
    let weights = rowParts.rows.tables.map {
      ShardArray(
        name: "parameters", range: $0.table.range(ofRows: $0.owned), base: $0.values)
    }
    return weights
      + rowParts.states.flatMap(\.arrays).map {
        ShardArray(name: $0.name, range: $0.range, base: $0.base)
      }
  }

  /// Bytes of rows and their gradients that this rank has sent to other nodes since the start.
  var rowBytesSent: Int { rowParts?.rows.tables.reduce(0) { $0 + $1.bytesSentToNodes } ?? 0 }

  /// Gives owned rows their initial values.
  func initializeRows() {
    for table in rowParts?.rows.tables ?? [] {
      model.initialize(table.owned, of: table.table, table.values)
    }
  }

  /// Loads owned rows and their state, whoever wrote them.
  func restoreRows(_ checkpoint: Checkpoint) throws {
    for table in rowParts?.rows.tables ?? [] {
      try table.load(from: checkpoint)
    }
    for part in rowParts?.states.flatMap(\.arrays) ?? [] {
      try checkpoint.read(part.name, part.range, into: part.base)
    }
  }

  /// The digest of all parameters, equal on all ranks; collective where tables are sharded.
  func parametersDigest() throws -> String {
    guard let rowParts else { return store.digest }
    let tables = rowParts.rows.tables
    guard world.rank == 0 else {
      for table in tables { try table.visit(on: 0, of: world) { _ in } }
      return String(decoding: try world.broadcastBytes([], root: 0), as: UTF8.self)
    }
    let digest = try model.layout.digest(of: store.base) {
      try tables[$0].visit(on: 0, of: world, $1)
    }
    _ = try world.broadcastBytes(Array(digest.utf8), root: 0)
    return digest
  }
}

extension ShardedTable {
  /// Loads the owned rows of a checkpoint.
  func load(from checkpoint: Checkpoint) throws {
    guard !owned.isEmpty else { return }
    try checkpoint.read("parameters", table.range(ofRows: owned), into: values)
  }
}
