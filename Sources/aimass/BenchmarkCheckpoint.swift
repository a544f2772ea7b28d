import ArgumentParser
import Benchmarks
import Configuration
import MPI
import Reports
import Training

/// `aimass benchmark checkpoint`.
struct BenchmarkCheckpoint: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint",
    abstract: "Time the parts of a checkpoint beside what memory and disk do.",
    discussion: """
      Each rank saves its share of the weights and of Adam's two moments, or what it saves of the run of CONFIG. \
      Parts and plain copies, writes and reads of the same bytes take turns; the least times of the slowest rank \
      are shown. What was written is taken away. Alone it measures one rank, under mpirun all.
      """)

  @Argument(
    help: "The YAML file of a run; default weights without one.",
    completion: .file(extensions: ["yaml"]))
  var config: String?

  @Option(help: ArgumentHelp("Weights of all ranks together.", valueName: "count"))
  var parameters = 25_000_000

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The folder to write in; default this one.", valueName: "folder"))
  var output = "."

  @Option(help: ArgumentHelp("How often each part is timed.", valueName: "count"))
  var rounds = 3

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard parameters >= 1, parameters <= 1 << 36, (1...1000).contains(rounds) else {
      throw ValidationError("--parameters must be in 1 ... 2^36, --rounds in 1 ... 1000.")
    }
  }

  func run() throws {
    try Ranks.run { world in
      let scalars = try scalars(world)
      let benchmark = try CheckpointBenchmark(world, in: output, scalars: scalars)
      defer { benchmark.remove() }
      let speed = try benchmark.run(rounds: rounds)
      guard world.rank == 0 else { return .done }
      print(
        json ? JSONText.line(Self.object(speed)) : Self.text(speed), terminator: json ? "\n" : "")
      return .done
    }
  }

  /// The numbers that this rank saves.
  private func scalars(_ world: Communicator) throws -> Int {
    guard let config else {
      let weights =
        parameters * (world.rank + 1) / world.size - parameters * world.rank / world.size
      return 3 * weights
    }
    guard case .network(let settings) = try ConfiguredRun.load(path: config, overrides: []) else {
      throw ValidationError(
        "This run has `factorization`, whose checkpoints are others; leave it out.")
    }
    let options = TrainingOptions(
      configuration: settings, configurationFolder: folder(of: config), output: "",
      version: Aimass.version)
    return try Trainer(world, options, observer: nil).savedScalars
  }

  private static func text(_ speed: CheckpointSpeed) -> String {
    var table = TextTable([
      .init("what"), .init("time", .right), .init("rate", .right), .init("beside"),
    ])
    let bytes = Double(speed.bytes)
    func add(_ name: String, _ seconds: Double, _ beside: String = "") {
      let rate = HumanUnits.bytes(Int(min(bytes / max(seconds, 1e-9), 1e15))) + "/s"
      table.add([name, HumanUnits.seconds(seconds), seconds.isFinite ? rate : "–", beside])
    }
    // A copy reads and writes every byte.
    let copy = 2 * bytes / speed.copySeconds / speed.memoryRate
    add("copy: training stands still", speed.copySeconds, share(copy, "memory's rate"))
    add("SHA-256", speed.hashSeconds)
    let raw = speed.rawWriteSeconds + speed.rawSyncSeconds
    let written = speed.writeSeconds + speed.syncSeconds
    add("write and SHA-256", speed.writeSeconds)
    add("sync", speed.syncSeconds, share(raw / written, "a plain write's rate, both together"))
    add("commit", speed.commitSeconds)
    add(
      "verify", speed.verifySeconds,
      share(speed.rawReadSeconds / speed.verifySeconds, "a plain read's rate"))
    add("plain write", speed.rawWriteSeconds)
    add("plain sync", speed.rawSyncSeconds)
    add("plain read", speed.rawReadSeconds)
    return
      "\(HumanUnits.bytes(speed.bytes)) of \(HumanUnits.counted(speed.ranks, "rank")), memory "
      + "\(HumanUnits.bytes(Int(speed.memoryRate)))/s\n" + table.text(indent: 2)
  }

  private static func share(_ share: Double, _ what: String) -> String {
    "\(HumanUnits.percent(share, digits: 0)) of \(what)"
  }

  private static func object(_ speed: CheckpointSpeed) -> JSONValue {
    func number(_ value: Double) -> JSONValue { value.isFinite ? .number(value) : .null }
    return .object([
      .init("ranks", .integer(speed.ranks)), .init("bytes", .integer(speed.bytes)),
      .init("memoryBytesPerSecond", number(speed.memoryRate)),
      .init("copySeconds", number(speed.copySeconds)),
      .init("hashSeconds", number(speed.hashSeconds)),
      .init("writeSeconds", number(speed.writeSeconds)),
      .init("syncSeconds", number(speed.syncSeconds)),
      .init("commitSeconds", number(speed.commitSeconds)),
      .init("verifySeconds", number(speed.verifySeconds)),
      .init("rawWriteSeconds", number(speed.rawWriteSeconds)),
      .init("rawSyncSeconds", number(speed.rawSyncSeconds)),
      .init("rawReadSeconds", number(speed.rawReadSeconds)),
    ])
  }
}
