import Configuration
import Datasets
import Models

extension TrainingSetUp {
  /// Throws unless a state can be carried from step to step, where the model has layers that do.
  func checkStreams() throws {
    guard model.carriedWidth > 0 else { return }
    let streams = try training.requireStreams()
    _ = try validation?.requireStreams()
    guard configuration.model.coupling == nil else {
      throw TrainingError(
        .badConfiguration,
        "coupling: a contrast compares samples that stand alone, but a layer with carry lets each go on "
          + "where another ended; leave carry or coupling out")
    }
    guard plan.global == streams else {
      throw TrainingError(
        .badConfiguration,
        "batch.global: expected \(streams), the streams of the training split, since a layer with carry goes "
          + "on with the same sample of the batch before; found \(plan.global); set batch.global: \(streams), "
          + "or prepare the data with streams: \(plan.global)")
    }
    guard configuration.data.sampling == nil,
      configuration.data.shuffle == DataConfiguration.Shuffle.none
    else {
      throw TrainingError(
        .badConfiguration,
        "data.shuffle: expected none, since a layer with carry needs the samples in their order; set "
          + "data.shuffle: none and leave data.sampling out")
    }
  }
}

extension Split {
  /// The streams of a split whose states are to be carried.
  ///
  /// - Returns: how many lie side by side, all of them equally long.
  /// - Throws: ``TrainingError`` where samples stand alone, or where the last of some streams are missing.
  func requireStreams() throws -> Int {
    guard let streams else {
      throw TrainingError(
        .badData,
        "the \(role.rawValue) split does not say how its samples follow one another, which a layer with "
          + "carry needs; prepare it from a corpus with streams, or give the split's group an integer "
          + "attribute streams: B where sample n + B goes on where sample n ends")
    }
    guard count % streams == 0 else {
      throw TrainingError(
        .badData,
        "the \(role.rawValue) split has \(count) samples, which is no multiple of its \(streams) streams: "
          + "the streams must be equally long for their states to be carried")
    }
    return streams
  }
}
