import ArgumentParser
import Datasets
import Reports
import Training

/// `aimass quantize`.
struct Quantize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a run's weights as 8-bit codes, and measure what that costs.",
    discussion: """
      Weights of linear layers and convolutions become signed bytes with a scale for each output channel, \
      batch norms are folded into the layers before them, and the range of what enters each layer is taken from training \
      samples. The file is a quarter of the size, and initialize.from reads it; nothing computes faster.
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run"), completion: .directory)
  var source: String

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The file to write.", valueName: "file"),
    completion: .file(extensions: ["safetensors"]))
  var output: String

  @Option(help: "The split that is measured: train, validation or test.")
  var split = SplitRole.test

  @OptionGroup var which: CheckpointOption

  @Option(help: ArgumentHelp("Training samples that ranges are taken from.", valueName: "count"))
  var samples = 1024

  @Option(
    help: ArgumentHelp(
      "The share of a layer's inputs that their codes cover; 1 for all.", valueName: "share"))
  var coverage = 0.9999

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var trust: FileTrust

  func validate() throws {
    guard samples >= 1 else {
      throw ValidationError("--samples must be at least 1, not \(samples).")
    }
    guard coverage > 0.5, coverage <= 1 else {
      throw ValidationError("--coverage is a share above 0.5 and at most 1, not \(coverage).")
    }
  }

  func run() throws {
    trust.begin()
    var options = RunQuantizer.Options(run: source, output: output)
    options.choice = which.choice
    (options.split, options.samples, options.coverage) = (split, samples, coverage)
    try Ranks.run { world in
      let outcome = try RunQuantizer(world, options).run()
      guard world.rank == 0 else { return .done }
      print(json ? JSONText.pretty(outcome.json) : text(outcome), terminator: "")
      return .done
    }
  }

  private func text(_ outcome: QuantizationOutcome) -> String {
    var table = TextTable([
      .init("metric"), .init("float32", .right), .init("int8 weights", .right),
      .init("int8 inputs too", .right),
    ])
    for (index, metric) in outcome.before.enumerated() {
      let values = [metric, outcome.weights[index], outcome.all[index]].map(\.value)
      table.add([metric.name] + values.map { $0.map(HumanUnits.short) ?? "undefined" })
    }
    return "\(outcome.source), step \(outcome.step), \(outcome.split) split, "
      + "\(HumanUnits.counted(outcome.samples, "sample"))\n\(table.text(indent: 2))"
      + "\(output): \(HumanUnits.counted(outcome.layers, "layer")) as codes, "
      + "\(HumanUnits.counted(outcome.folds, "batch norm")) folded, "
      + "\(HumanUnits.count(outcome.fileBytes)) bytes of \(HumanUnits.count(outcome.denseBytes))\n"
  }
}
