import ArgumentParser
import Training

/// Which checkpoint of a run a command takes.
struct CheckpointChoice: ExpressibleByArgument {
  let choice: TrainedModel.Choice

  init?(argument: String) {
    switch argument {
    case "best": choice = .best
    case "last": choice = .last
    default:
      guard let step = Int(argument), step >= 0 else { return nil }
      choice = .step(step)
    }
  }
}

/// The option of commands that take one checkpoint of a run.
struct CheckpointOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "best, last or a step; default the best where one is tracked.", valueName: "which"))
  var checkpoint: CheckpointChoice?

  /// What was asked for; where nothing was, the run decides.
  var choice: TrainedModel.Choice { checkpoint?.choice ?? .automatic }
}
