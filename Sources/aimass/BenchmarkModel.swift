import ArgumentParser
import Configuration
import MPI
import Models
import Reports
import Tensors
import Training

/// `aimass benchmark model`.
struct BenchmarkModel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model",
    abstract: "Time the training steps of a run's model.",
    discussion: """
      The steps are those of `aimass train` with input, exchange and update, from the initial values; nothing \
      is written but a picture that is asked for. Alone it measures one rank, under mpirun all. The median step of rank 0 counts.
      """)

  @OptionGroup var measured: BenchmarkedRun

  @OptionGroup var computing: ThreadOption

  @Option(help: ArgumentHelp("Steps that are timed.", valueName: "count"))
  var steps = 30

  @Option(help: ArgumentHelp("Steps before them.", valueName: "count"))
  var warmUp = 5

  @Option(
    help: ArgumentHelp(
      "Draw layers under the roof of this machine's arithmetic and memory, into an SVG file.",
      valueName: "file"))
  var roofline: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard [steps, warmUp + 1].allSatisfy(BenchmarkedRun.counts.contains) else {
      throw ValidationError("--steps takes counts from 1 on, --warm-up from 0 on.")
    }
    guard roofline == nil || computing.threads ?? .count(1) == .count(1) else {
      throw ValidationError("--roofline compares with one core; it takes no --threads.")
    }
  }

  func run() throws {
    let settings = try measured.settings()
    let choice = computing.threads ?? .count(1)
    let level = Trainer.threadLevel(for: settings, threads: choice.count)
    try Ranks.run(threads: level, computing: choice) { world in
      try world.agree {
        if let roofline, world.rank == 0 { try Roofline.requireFolder(of: roofline) }
      }
      let options = measured.options(settings, ranks: world.size, steps: warmUp + steps)
      let trainer = try Trainer(world, options, observer: nil)
      let speed = try trainer.measureSpeed(warmUp: warmUp, steps: steps, byLayer: roofline != nil)
      let roof = try roofline.flatMap { _ in
        try Roofline(world, speed, Precision(settings.train.precision))
      }
      guard world.rank == 0 else { return .done }
      if let roofline, let roof { try roof.write(settings.name, to: roofline) }
      print(
        json
          ? JSONText.line(Self.object(speed, settings.name, roof))
          : Self.text(speed, settings.name) + (roof?.text ?? ""),
        terminator: json ? "\n" : "")
      return .done
    }
  }

  private static func text(_ speed: TrainingSpeed, _ name: String) -> String {
    var table = TextTable([.init("what"), .init("value", .right)])
    table.add(["ranks", "\(speed.ranks)"])
    table.add(["threads of a rank", "\(speed.threads)"])
    table.add(["samples in a step", "\(speed.globalBatch)"])
    table.add(["samples in a pass", "\(speed.microbatch)"])
    table.add(["parameters", HumanUnits.count(speed.parameters)])
    table.add(["median step", HumanUnits.seconds(speed.medianSeconds)])
    table.add(["samples per second", HumanUnits.count(Int(speed.samplesPerSecond))])
    table.add(["GFLOP/s of a rank", HumanUnits.fixed(speed.rate, digits: 1)])
    let sum = speed.seconds.reduce(0, +)
    for phase in speed.phases {
      table.add([phase.name, HumanUnits.percent(phase.seconds / sum, digits: 1)])
    }
    return "\(name)\n" + table.text(indent: 2, heading: false)
  }

  private static func object(_ speed: TrainingSpeed, _ name: String, _ roof: Roofline?) -> JSONValue
  {
    let roofline = roof.map { [JSONValue.Member("roofline", $0.json)] } ?? []
    return .object(
      [
        .init("model", .text(name)), .init("ranks", .integer(speed.ranks)),
        .init("threads", .integer(speed.threads)),
        .init("globalBatch", .integer(speed.globalBatch)),
        .init("microbatch", .integer(speed.microbatch)),
        .init("parameters", .integer(speed.parameters)),
        .init("operationsPerStep", .integer(speed.operationsPerStep)),
        .init("stepSeconds", .number(speed.medianSeconds)),
        .init("samplesPerSecond", .number(speed.samplesPerSecond)),
        .init("losses", .array(speed.losses.map { .number($0) })),
        .init(
          "phaseSeconds",
          .object(
            speed.phases.map { .init($0.name, .number($0.seconds / Double(speed.seconds.count))) })),
      ] + roofline)
  }
}
