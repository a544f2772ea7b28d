import ArgumentParser
import MPI
import Reports
import Training

/// `aimass predict`.
struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a trained run's predictions to CSV or HDF5, in sample order.")

  @OptionGroup var trained: TrainedRun

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The file to write: .csv, .h5 or .hdf5.", valueName: "file"))
  var output: String

  func run() throws {
    trained.trust.begin()
    try Ranks.run(computing: trained.computing.choice) { world in
      let model = try world.agree { try TrainedModel(trained.request(needsTargets: false)) }
      let writer = try world.agree { () -> PredictionWriter? in
        guard world.rank == 0 else { return nil }
        return try PredictionWriter(
          path: output, samples: model.split.count, heads: model.model.heads,
          offsets: model.predictionOffsets(), classes: model.classNames,
          texts: model.transcriber.texts)
      }
      try Predictor(world, model).run { samples, outputs in
        try writer?.append(samples, outputs)
      }
      try world.agree { try writer?.finish() }
      if world.rank == 0 {
        print("\(output): \(HumanUnits.count(model.split.count)) samples, step \(model.step)")
      }
      return .done
    }
  }
}
