import CountedModels
import Parameters

/// What a counted run would be and cost, worked out from configuration and data without running it.
public struct CountedPlan: Sendable {
  /// The run's name.
  public let name: String
  /// R.
  public let ranks: Int
  /// S of the training split.
  public let trainingSamples: Int
  /// Steps of the run.
  public let steps: Int
  /// P.
  public let parameters: Int
  /// The parameters by name, with their extents.
  public let slots: [(name: String, shape: [Int])]
  /// Bytes of one rank's memory, by what they hold.
  public let memory: [(name: String, bytes: Int)]
  /// Floating-point operations of one step on all ranks: the products, and a decomposition per row.
  public let operationsPerStep: Int
  /// Bytes of new parameters that a rank receives in a step.
  public let receivedPerStep: Int

  /// Plans a run.
  ///
  /// - Parameters:
  ///   - setUp: configuration and data.
  ///   - ranks: R.
  public init(_ setUp: CountedSetUp, ranks: Int) {
    let settings = setUp.configuration.factorization
    let layout = AlternatingLeastSquares.layout(
      settings, users: setUp.users, items: setUp.items)
    name = setUp.configuration.name
    self.ranks = ranks
    trainingSamples = setUp.training.count
    steps = settings.sweeps
    parameters = layout.count
    slots = layout.slots.map { ($0.name, $0.shape) }
    let rows = setUp.users + setUp.items
    let width = layout["users.bias"] == nil ? settings.factors : settings.factors + 1
    let scalar = MemoryLayout<Float>.stride
    // A partner takes a number and a value, on the side of the user and on that of the item.
    memory = [
      ("factors, one copy per rank", layout.count * scalar),
      ("interactions of a rank's rows", 2 * trainingSamples * 2 * scalar / ranks),
      ("equations of a row", width * (width + 513) * MemoryLayout<Double>.stride),
    ]
    operationsPerStep = 2 * trainingSamples * width * width + rows * width * width * width / 3
    receivedPerStep = (ranks - 1) * rows * width * scalar / ranks
  }
}
