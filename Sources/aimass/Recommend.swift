import ArgumentParser
import Configuration
import MPI
import Reports
import Training

/// `aimass recommend`.
struct Recommend: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write every user's best items that the user has not seen, as CSV.",
    discussion: """
      For runs that score pairs of users and items. The items of the training split are seen; items \
      that it has nowhere are not shown. The file is the same on any number of ranks.
      """)

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run"), completion: .directory)
  var trained: String

  @Option(help: ArgumentHelp("Items per user.", valueName: "count"))
  var top = 10

  @OptionGroup var which: CheckpointOption

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The CSV file to write.", valueName: "file"))
  var output: String

  func validate() throws {
    guard (1...RankingMetricName.largestCut).contains(top) else {
      throw ValidationError("--top must be in 1...\(RankingMetricName.largestCut), not \(top).")
    }
  }

  func run() throws {
    try Ranks.run { world in
      let scores = try world.agree {
        try LoadedRun(
          TrainedModel.Request(
            run: trained, split: .train, choice: which.choice,
            needsTargets: false)
        ).pairScores()
      }
      let recommender = Recommender(world, scores)
      let lines = try recommender.write(to: output, length: top)
      if world.rank == 0 {
        print(
          "\(output): \(HumanUnits.count(lines)) lines for "
            + "\(HumanUnits.count(recommender.users.count)) users")
      }
      return .done
    }
  }
}
