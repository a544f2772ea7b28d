import Checkpoints
import Configuration
import Foundation
import Models
import Optimizers
import Parameters

/// A network with all that a run has learnt for it: weights, optimizer state, and moving average.
struct SavedNetwork {
  /// The run's configuration.
  var configuration: RunConfiguration
  /// The folder that relative paths of the configuration start from.
  let origin: String
  /// The slots.
  let layout: ParameterLayout
  /// P scalars each in canonical order, by the names that checkpoints have for them.
  let arrays: [String: [Float]]
  /// Updates that the optimizer has made.
  let stepsTaken: Int
  /// Whether a moving average is evaluated.
  let hasAverage: Bool
  /// The step of the checkpoint.
  let step: Int

  /// The weights that are evaluated.
  var weights: [Float] { arrays[hasAverage ? "ema" : "parameters"] ?? [] }
}

extension SavedNetwork {
  /// Reads a checkpoint of a run.
  ///
  /// - Parameters:
  ///   - run: the run folder.
  ///   - choice: the checkpoint.
  ///   - compile: compiles the run's network.
  /// - Throws: ``TrainingError`` for a run without a network that can be shrunk, or what reading throws.
  init(
    run: String, _ choice: TrainedModel.Choice, compile: (RunConfiguration, String) throws -> Model
  ) throws {
    guard case .network(let own) = try LoadedRun.configuration(of: run) else {
      throw TrainingError(
        .usage, "\(run) is a factorization, which has tables of factors and no layers to shrink")
    }
    guard own.pruning == nil else {
      throw TrainingError(
        .badConfiguration,
        "\(run) prunes single weights, whose masks belong to the sizes that it has; shrink a run "
          + "without `pruning` first, and prune the result")
    }
    let configuration = own.withoutHints
    self.configuration = configuration
    let folder = RunFolder(run)
    origin = (try? String(contentsOfFile: folder.origin, encoding: .utf8)) ?? run
    let model = try compile(configuration, origin)
    let layout = model.layout
    self.layout = layout
    guard layout.shardedTables.isEmpty else {
      throw TrainingError(
        .badConfiguration,
        "\(run) has a table with shard: true, of which no rank holds all rows; shrink expected tables "
          + "that every rank holds")
    }
    let store = ParameterStore(layout)
    let checkpoint = try TrainedModel.load(choice, folder, into: store)
    let state = checkpoint.manifest.state
    (stepsTaken, hasAverage, step) = (state.stepsTaken, state.hasAverage, state.step)
    var arrays: [String: [Float]] = [:]
    let names = ["parameters", "ema"] + Optimizer.stateNames(configuration.optimizer.rule)
    for name in names where checkpoint.holds(name) {
      arrays[name] = try [Float](unsafeUninitializedCapacity: layout.count) { room, count in
        guard let base = room.baseAddress else { return }
        try checkpoint.read(name, 0..<layout.count, into: base)
        count = layout.count
      }
    }
    self.arrays = arrays
    try refuseNonFinite(run)
  }

  /// Refuses weights that no score can rank.
  private func refuseNonFinite(_ run: String) throws {
    for (name, values) in arrays.sorted(by: { $0.key < $1.key }) {
      guard let slot = layout.slots.first(where: { !values[$0.range].allSatisfy(\.isFinite) })
      else { continue }
      throw TrainingError(
        .nonFinite,
        "\(run): '\(slot.name)' (\(name)) holds a NaN or an infinity after step \(step); choose "
          + "another --checkpoint")
    }
  }

  /// The same network without some units.
  ///
  /// - Parameters:
  ///   - removed: units of whole groups of `graph`.
  ///   - graph: the units of this network.
  ///   - compile: compiles the smaller one.
  /// - Returns: the smaller network and its model.
  /// - Throws: what compiling throws.
  func without(
    _ removed: Set<Int>, of graph: UnitGraph, compile: (RunConfiguration, String) throws -> Model
  ) throws -> (network: SavedNetwork, model: Model) {
    var smaller = configuration
    smaller.model = configuration.model.resized(graph.sizes(without: removed))
    let model = try compile(smaller, origin)
    let slicing = ParameterSlicing(from: layout, to: model.layout) {
      graph.kept($0.name, axes: $0.shape.count, without: removed)
    }
    guard let slicing else {
      preconditionFailure("the rules of a layer do not say what its sizes are")
    }
    let arrays = arrays.mapValues { values in
      [Float](unsafeUninitializedCapacity: model.layout.count) { room, count in
        values.withUnsafeBufferPointer { source in
          guard let source = source.baseAddress, let target = room.baseAddress else { return }
          slicing.copy(from: source, to: target)
        }
        count = model.layout.count
      }
    }
    return (
      SavedNetwork(
        configuration: smaller, origin: origin, layout: model.layout, arrays: arrays,
        stepsTaken: stepsTaken, hasAverage: hasAverage, step: step), model
    )
  }

  /// The same for a run to begin with.
  var beginning: Beginning { Beginning(layout: layout, arrays: arrays, stepsTaken: stepsTaken) }
}
