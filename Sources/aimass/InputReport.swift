import Datasets
import Reports
import Training

/// What `aimass benchmark input` found.
struct InputReport {
  let name: String
  let globalBatch: Int
  let microbatch: Int
  /// By rank, the first reading, from the disk; nil where that was not asked for.
  let cold: [InputPass]?
  /// By rank.
  let warm: [InputPass]
  /// Bytes per second of all ranks together; NaN where it cannot be measured.
  let memoryRate: Double
  let pageCacheRate: Double
  let diskRate: Double
  /// The median training step, and the share of all of them that waited for input; nil where none was timed.
  let step: (seconds: Double, waitShare: Double)?

  /// All ranks of a pass together.
  private struct Total {
    var seconds = 0.0
    var samples = 0
    var numberBytes = 0
    var processorSeconds = 0.0
    var secondsPerStep = 0.0
    var statistics = ReadStatistics()
    var diskBytes = 0

    /// Ranks read side by side: the slowest decides what a step waits for.
    init(_ pass: [InputPass]) {
      for rank in pass {
        seconds = max(seconds, rank.seconds)
        samples += rank.samples
        processorSeconds += rank.processorSeconds / Double(max(1, rank.steps)) / Double(pass.count)
        secondsPerStep = max(secondsPerStep, rank.seconds / Double(max(1, rank.steps)))
        statistics.blocks = max(statistics.blocks, rank.statistics.blocks)
        statistics.decodedBlocks += rank.statistics.decodedBlocks
        statistics.fileBytes += rank.statistics.fileBytes
        statistics.sampleBytes += rank.statistics.sampleBytes
        statistics.numberBytes += rank.statistics.numberBytes
        diskBytes += rank.diskBytes
      }
      numberBytes = statistics.numberBytes
    }

    var samplesPerSecond: Double { Double(samples) / max(seconds, 1e-9) }
    var bytesPerSecond: Double { Double(numberBytes) / max(seconds, 1e-9) }
    /// Bytes that came from the disk for each that the samples have in the file.
    var diskAmplification: Double {
      Double(diskBytes) / Double(max(1, statistics.sampleBytes))
    }
  }

  /// A table for people.
  var text: String {
    var table = TextTable([.init("what"), .init("value", .right), .init("")])
    table.add(["ranks", "\(warm.count)", ""])
    table.add(["samples in a step", "\(globalBatch)", "\(microbatch) in a pass"])
    table.add(["memory", Self.rate(memoryRate), ""])
    table.add(["page cache", Self.rate(pageCacheRate), ""])
    table.add(["disk", Self.rate(diskRate), ""])
    if let cold { add(Total(cold), "cold ", to: &table) }
    add(Total(warm), "", to: &table)
    if let step {
      let total = Total(warm)
      table.add([
        "training step", HumanUnits.seconds(step.seconds),
        HumanUnits.percent(step.waitShare, digits: 1) + " waiting for input",
      ])
      table.add([
        "input delivers",
        HumanUnits.fixed(step.seconds / max(total.secondsPerStep, 1e-9), digits: 1) + " x",
        "what the step takes",
      ])
      table.add([
        "processor time of input",
        HumanUnits.percent(total.processorSeconds / step.seconds, digits: 1), "of the step",
      ])
    }
    return "\(name)\n" + table.text(indent: 2, heading: false)
  }

  private func add(_ total: Total, _ prefix: String, to table: inout TextTable) {
    table.add([
      prefix + "samples per second", HumanUnits.rate(total.samplesPerSecond),
      "\(HumanUnits.counted(total.samples, "sample")) in \(HumanUnits.seconds(total.seconds))",
    ])
    let reference = prefix.isEmpty ? pageCacheRate : diskRate
    table.add([
      prefix + "numbers of the samples", Self.rate(total.bytesPerSecond),
      HumanUnits.percent(total.bytesPerSecond / memoryRate, digits: 1) + " of memory, "
        + HumanUnits.percent(total.bytesPerSecond / reference, digits: 1)
        + (prefix.isEmpty ? " of the page cache" : " of the disk"),
    ])
    table.add([
      prefix + "read amplification",
      HumanUnits.fixed(total.statistics.amplification, digits: 3),
      "\(HumanUnits.bytes(total.statistics.fileBytes)), \(total.statistics.decodedBlocks) blocks decoded",
    ])
    table.add([
      prefix + "from the disk", HumanUnits.bytes(total.diskBytes),
      HumanUnits.fixed(total.diskAmplification, digits: 3) + " of what the samples take",
    ])
  }

  private static func rate(_ bytes: Double) -> String {
    bytes.isFinite ? HumanUnits.bytes(Int(bytes)) + "/s" : "–"
  }

  /// One object for programs.
  var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init("model", .text(name)), .init("ranks", .integer(warm.count)),
      .init("globalBatch", .integer(globalBatch)), .init("microbatch", .integer(microbatch)),
      .init("memoryBytesPerSecond", Self.number(memoryRate)),
      .init("pageCacheBytesPerSecond", Self.number(pageCacheRate)),
      .init("diskBytesPerSecond", Self.number(diskRate)),
      .init("stepSeconds", step.map { .number($0.seconds) } ?? .null),
      .init("stepWaitShare", step.map { .number($0.waitShare) } ?? .null),
    ]
    if let cold { members.append(.init("cold", Self.object(cold))) }
    members.append(.init("warm", Self.object(warm)))
    return .object(members)
  }

  private static func number(_ value: Double) -> JSONValue {
    value.isFinite ? .number(value) : .null
  }

  private static func object(_ pass: [InputPass]) -> JSONValue {
    let total = Total(pass)
    return .object([
      .init("samples", .integer(total.samples)), .init("seconds", .number(total.seconds)),
      .init("secondsPerStep", .number(total.secondsPerStep)),
      .init("processorSecondsPerStep", .number(total.processorSeconds)),
      .init("samplesPerSecond", .number(total.samplesPerSecond)),
      .init("bytesPerSecond", .number(total.bytesPerSecond)),
      .init("blocks", .integer(total.statistics.blocks)),
      .init("decodedBlocks", .integer(total.statistics.decodedBlocks)),
      .init("fileBytes", .integer(total.statistics.fileBytes)),
      .init("sampleBytes", .integer(total.statistics.sampleBytes)),
      .init("numberBytes", .integer(total.statistics.numberBytes)),
      .init("amplification", .number(total.statistics.amplification)),
      .init("diskBytes", .integer(total.diskBytes)),
      .init("samplesOfRanks", .array(pass.map { .integer($0.samples) })),
    ])
  }
}
