import Buffers
import Configuration
import MPI
import Parameters
import Pruning
import Reports
import Tensors

/// How long it takes all ranks to choose a mask together.
public struct PruningSpeed: Sendable {
  /// N: the weights of all ranks.
  public var weights: Int
  /// R.
  public var ranks: Int
  /// The share that is pruned.
  public var sparsity: Double
  /// Median seconds of one sweep: every rank adds up the squares of its weights.
  public var sweepSeconds: Double
  /// Median seconds of finding the threshold.
  public var thresholdSeconds: Double
  /// Median seconds of choosing a mask: the threshold, the bits of every rank, their union and its check.
  public var choiceSeconds: Double

  /// As `aimass benchmark pruning --json` prints it.
  public var json: JSONValue {
    [
      "weights": .integer(weights), "ranks": .integer(ranks), "sparsity": .number(sparsity),
      "sweepSeconds": .number(sweepSeconds), "thresholdSeconds": .number(thresholdSeconds),
      "choiceSeconds": .number(choiceSeconds),
    ]
  }
}

/// Measures the choice of a mask beside plain sweeps over the same weights.
public enum PruningBenchmark {
  /// Measures one size.
  ///
  /// Collective. The weights are about normal and shared evenly over the ranks.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - weights: N.
  ///   - sparsity: the share that is pruned, above 0 and below 1.
  ///   - repeats: how often each is timed; they take turns.
  /// - Returns: the medians; times are those of the slowest rank.
  /// - Throws: `MPIError` if MPI refuses.
  public static func run(
    _ world: Communicator, weights: Int, sparsity: Double, repeats: Int
  ) throws -> PruningSpeed {
    var layout = ParameterLayout()
    _ = layout.reserve("weight", [weights], initializer: .constant(0), decaysByDefault: true)
    let plan = try PruningPlan(
      PruningConfiguration(schedule: .oneShot(sparsity: sparsity, at: 0)), layout: layout)
    let (size, rank, blocks) = (world.size, world.rank, layout.blockCount)
    let own = layout.range(ofBlocks: rank * blocks / size..<(rank + 1) * blocks / size)
    let values = HostBuffer<Float>(count: own.count)
    draw(values.all, seed: UInt64(rank))
    let stretches = own.isEmpty ? [] : [ScoreStretch(range: own, base: values.base)]
    let select = RadixSelect(world)
    let selector = MaskSelector(plan, count: weights, select)
    var times: [[Double]] = [[], [], []]
    var sum = 0.0
    for index in -1..<repeats {
      let sweep = try slowest(world) { sum += Kernels.squaredNorm(values.count, values.base) }
      let threshold = try slowest(world) {
        _ = try select.threshold(
          pruning: max(1, plan.zeros(at: sparsity)), of: stretches, dead: 0)
      }
      let choice = try slowest(world) {
        _ = try selector.choose(sparsity: sparsity, scores: stretches, mask: nil)
      }
      guard index >= 0 else { continue }
      for (place, time) in [sweep, threshold, choice].enumerated() { times[place].append(time) }
    }
    precondition(sum.isFinite, "the weights are finite")
    return PruningSpeed(
      weights: weights, ranks: size, sparsity: sparsity, sweepSeconds: median(times[0]) ?? 0,
      thresholdSeconds: median(times[1]) ?? 0, choiceSeconds: median(times[2]) ?? 0)
  }

  /// Sums of four uniform numbers: close enough to normal for counting.
  private static func draw(_ values: UnsafeMutableBufferPointer<Float>, seed: UInt64) {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15 &* (seed + 1)
    for index in values.indices {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      let parts = (0..<4).reduce(Int32(0)) { $0 + Int32(state >> UInt64(16 * $1) & 0xFFFF) }
      let rest = Float(state &* 0x2545_F491_4F6C_DD1D >> 40) / Float(1 << 24)
      values[index] = (Float(parts - 131_070) + rest) * 1e-6
    }
  }

  private static func slowest(_ world: Communicator, _ body: () throws -> Void) throws -> Double {
    try world.barrier()
    let start = steadySeconds()
    try body()
    return try world.allReduce(steadySeconds() - start, by: .maximum)
  }
}
