import Benchmarks
import Checkpoints
import Foundation
import MPI
import Reports
import Tensors
import Training

/// A run's steps beside what the core of rank 0 and its part of memory allow.
struct Roofline {
  private let cost: StepCost
  /// Seconds of the median step.
  private let step: Double
  /// Operations of the core in a second, in the run's precision.
  private let peak: Double
  /// Bytes of memory in a second, while the other ranks of the node move theirs; and over how many that was measured.
  private let bandwidth: Double, bytes: Int

  /// Measures arithmetic of a precision and memory on all ranks at once; nil where the steps were not timed by layer.
  ///
  /// - Throws: what MPI throws.
  init?(_ world: Communicator, _ speed: TrainingSpeed, _ precision: Precision) throws {
    guard let cost = speed.cost else { return nil }
    self.cost = cost
    step = speed.medianSeconds
    try world.barrier()
    peak = KernelBenchmark.peak(rounds: 20, precision: precision).rate
    try world.barrier()
    // What fits a cache moves at the cache's pace.
    let most = CoreBenchmark.bytesBeyondCaches(ranks: world.size)
    bytes = min(cost.touchedBytes, most)
    bandwidth = CoreBenchmark.memorySpeed(bytes: bytes, seconds: 0.5).bytesPerSecond
  }

  /// Seconds of a step in which arithmetic and memory ran at full speed, one after the other.
  private var bound: Double { cost.total.bound(peak: peak, bandwidth: bandwidth) }

  /// The seconds of a step by kind of layer, most first.
  private var kinds: [(String, Double)] {
    var seconds: [String: Double] = [:]
    for layer in cost.layers { seconds[layer.kind, default: 0] += layer.work.seconds }
    return seconds.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.map { ($0.key, $0.value) }
  }

  /// The figures as lines of a table.
  var text: String {
    var table = TextTable([.init("what"), .init("value", .right)])
    let total = cost.total
    table.add(["arithmetic, GFLOP/s", HumanUnits.fixed(peak * 1e-9, digits: 0)])
    table.add([
      "GB/s over \(HumanUnits.bytes(bytes))", HumanUnits.fixed(bandwidth * 1e-9, digits: 0),
    ])
    table.add(["operations of a rank's step", HumanUnits.metric(total.operations)])
    table.add(["operations per byte", HumanUnits.fixed(total.intensity, digits: 1)])
    table.add([
      "of arithmetic's peak", HumanUnits.percent(total.operations / peak / step, digits: 0),
    ])
    table.add(["of the bound", HumanUnits.percent(bound / step, digits: 0)])
    for (kind, seconds) in kinds where seconds > 0.005 * step {
      table.add(["time in \(kind)", HumanUnits.percent(seconds / step, digits: 1)])
    }
    return table.text(indent: 2, heading: false)
  }

  /// The figures, and those of every layer.
  var json: JSONValue {
    let layers = cost.layers.map { layer in
      JSONValue.object([
        .init("layer", .text(layer.path)), .init("kind", .text(layer.kind)),
        .init("operations", .number(layer.work.operations)),
        .init("bytes", .number(layer.work.bytes)), .init("seconds", .number(layer.work.seconds)),
      ])
    }
    return .object([
      .init("peakFlopsPerSecond", .number(peak)),
      .init("memoryBytesPerSecond", .number(bandwidth)),
      .init("operations", .number(cost.total.operations)),
      .init("bytes", .number(cost.total.bytes)), .init("boundSeconds", .number(bound)),
      .init("layers", .array(layers)),
    ])
  }

  /// Refuses a picture that could not be written, before anything is measured for it.
  static func requireFolder(of path: String) throws {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard access(folder, W_OK) != 0 else { return }
    throw TrainingError(
      .cannotCreate,
      "\(path) cannot be created: \(String(cString: strerror(errno))); name a file in a folder that is there "
        + "and may be written")
  }

  /// Draws the layers, the update left out since it has no operations to speak of.
  ///
  /// - Throws: where the file cannot be written.
  func write(_ name: String, to path: String) throws {
    func dot(_ label: String, _ kind: String, _ work: Work, _ seconds: Double) -> RooflineChart.Dot
    {
      RooflineChart.Dot(
        label: label, kind: kind, intensity: work.intensity, rate: work.operations / seconds,
        share: seconds / step)
    }
    let chart = RooflineChart(
      title: "\(name): \(HumanUnits.percent(bound / step, digits: 0)) of the bound",
      peak: peak, bandwidth: bandwidth,
      dots: cost.layers.map { dot($0.path, $0.kind, $0.work, $0.work.seconds) },
      whole: dot("a step", "all", cost.total, step))
    try OutputFile.replace(path, with: chart.svg())
  }
}
