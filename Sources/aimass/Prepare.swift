import ArgumentParser
import Configuration
import MPI
import Preparation
import Reports
import Training

/// `aimass prepare`.
struct Prepare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn raw files into a sample file, alone or under mpirun.",
    discussion: """
      The file is the same, byte for byte, on any number of ranks. An existing file made of the same \
      recipe and sources is left as it is.
      """)

  @Argument(help: "The recipe.", completion: .file(extensions: ["yaml"]))
  var recipe: String

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The sample file to write.", valueName: "file"))
  var output: String

  @Option(
    help: ArgumentHelp(
      "The folder that source paths start from; default AIMASS_DATA, else the recipe's folder.",
      valueName: "folder"), completion: .directory)
  var root: String?

  @Option(help: ArgumentHelp("Override one key by its dotted path.", valueName: "key=value"))
  var set: [String] = []

  @OptionGroup var trust: FileTrust

  func run() throws {
    trust.begin()
    let decoded = try RecipeConfiguration.load(path: recipe, overrides: set)
    let start = root ?? Variables["AIMASS_DATA"] ?? folder(of: recipe)
    try Ranks.run { world in
      let summary = try Preparation(decoded, root: start, rank: world.rank, ranks: world.size)
        .run(output: output, exchange: WorldExchange(world: world)) { step in
          if world.rank == 0, let line = Self.line(step) { print(line) }
        }
      if world.rank == 0 { show(summary) }
      return .done
    }
  }

  /// One line for what begins; writing tells of whole fields only.
  private static func line(_ step: PreparationProgress) -> String? {
    switch step {
    case .reading(let source): return "reading \(source)"
    case .measuring(let field): return "measuring \(field)"
    case .writing(let split, let field, let samples, let all):
      return samples == all ? "wrote \(split)/\(field): \(HumanUnits.count(all)) samples" : nil
    }
  }

  private func show(_ summary: PreparationSummary) {
    if summary.outcome == .unchanged {
      print("\(summary.output) is up to date: same recipe, same sources")
      return
    }
    for labels in summary.labels {
      let parts = zip(labels.classes, labels.counts).map { "\($0) \($1)" }
      print("\(labels.split)/\(labels.field): \(parts.joined(separator: ", "))")
    }
    for note in summary.notes { print("note: \(note)") }
    if summary.isSynthetic { print("note: these samples are synthetic, drawn from a seed") }
    let samples = summary.splits.map { "\($0.name) \(HumanUnits.count($0.samples))" }
    print("\(summary.output): \(samples.joined(separator: ", ")) samples, digest \(summary.digest)")
  }
}

/// The preparation's messages over MPI.
private struct WorldExchange: PreparationExchange {
  let world: Communicator

  func gatherBytes(_ bytes: [UInt8]) throws -> [[UInt8]]? {
    try world.gatherBytes(bytes, root: 0)
  }

  func broadcastBytes(_ bytes: [UInt8]) throws -> [UInt8] {
    try world.broadcastBytes(bytes, root: 0)
  }
}
