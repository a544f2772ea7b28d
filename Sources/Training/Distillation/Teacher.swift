import BLAS
import Buffers
import Configuration
import Datasets
import Foundation
import MPI
import Models
import Tensors

/// A trained run that others learn from: its model, on the samples that the student is trained on.
struct Teacher {
  /// The run folder, as messages call it.
  let name: String
  /// The model with its weights, over the student's training split.
  let trained: TrainedModel
  /// What decides the teacher's outputs, as text.
  private let identity: String

  /// Loads a teacher and checks that it can be one.
  ///
  /// - Parameters:
  ///   - path: the run folder as the configuration names it.
  ///   - folder: the configuration's folder.
  ///   - data: where the student's samples come from.
  ///   - reading: paths of layers that are read for hints.
  /// - Throws: ``TrainingError``, or what loading throws.
  init(
    _ path: String, relativeTo folder: String, data: DataConfiguration, reading: [String] = []
  ) throws {
    name = path
    let run = try Self.run(path, relativeTo: folder)
    if case .counted = try LoadedRun.configuration(of: run) {
      throw TrainingError(
        .badConfiguration,
        "distillation.teachers: \(path) is a factorization, which says nothing about samples; name runs of networks"
      )
    }
    do {
      trained = try TrainedModel(
        TrainedModel.Request(
          run: run, split: .train, needsTargets: false, source: (data, folder),
          reading: reading))
    } catch let error as DatasetError where error.code == .configuration || error.code == .mismatch
    {
      throw TrainingError(
        .badConfiguration,
        "distillation.teachers: \(path) reads other fields than there are here: \(error)")
    } catch let error as ModelError where reading.contains(error.path) {
      throw TrainingError(.badConfiguration, "distillation.hints: of the teacher \(path), \(error)")
    } catch let error as ModelError {
      throw TrainingError(
        .badConfiguration,
        "distillation.teachers: \(path) reads other fields than there are here: \(error)")
    }
    identity = try trained.identity()
    try Self.requireFinite(trained, path)
    try requireFields(data)
  }

  /// The folder that is meant: beside the configuration, else from the current folder on.
  private static func run(_ path: String, relativeTo folder: String) throws -> String {
    let current = FileManager.default.currentDirectoryPath
    var places = path.hasPrefix("/") ? [path] : ["\(folder)/\(path)", "\(current)/\(path)"]
    if places.first == places.last { places = [places[0]] }
    for place in places where FileManager.default.fileExists(atPath: place) { return place }
    throw TrainingError(
      .missingInput,
      "distillation.teachers: there is no run folder \(path) (looked for \(places.joined(separator: ", "))); "
        + "train the teacher first, or correct the path"
    )
  }

  private static func requireFinite(_ trained: TrainedModel, _ path: String) throws {
    guard let slot = trained.model.firstNonFiniteSlot(trained.store.base) else { return }
    throw TrainingError(
      .badData,
      "distillation.teachers: \(path) holds a NaN or infinity in \(slot) after step \(trained.step); name "
        + "another run, or train it again")
  }

  /// Refuses numbers that would be read in another scale than the teacher was trained with.
  private func requireFields(_ data: DataConfiguration) throws {
    let own = trained.trainedFields
    let inputs = trained.configuration.model.modalities.map(\.field)
    for field in data.fields where inputs.contains(field.name) {
      guard let known = own.first(where: { $0.name == field.name }) else { continue }
      guard (known.mean, known.std, known.kind) == (field.mean, field.std, field.kind) else {
        throw TrainingError(
          .badConfiguration,
          "distillation.teachers: \(name) was trained with another kind, mean or std of field '\(field.name)'; give "
            + "data.fields.\(field.name) those of the teacher")
      }
    }
    do {
      try RunFolder(trained.run).requireMeanings(of: trained.dataset, inputs)
    } catch let error as TrainingError {
      throw TrainingError(error.status, "distillation.teachers: \(name): \(error.message)")
    }
  }

  /// The SHA-256 of what decides the teacher's weights and network, for the student's identity.
  var digest: String {
    var hash = SHA256()
    hash.update(identity)
    return hash.hexadecimal()
  }

  /// The SHA-256 of everything that decides the bits of the outputs of a head or layer for the samples of the split.
  func key(_ what: String) -> String {
    let data = trained.configuration.data
    let splits = data.splits.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let split = data.split.map {
      "\($0.validation) \($0.test) \($0.fold ?? -1) \($0.folds ?? -1) \($0.seed)"
    }
    let lines = [
      "aimass teacher outputs 1", identity, what, "samples \(trained.split.count)",
      "data \(trained.dataset.digest)", "splits \(splits.joined(separator: " "))",
      "split \(split ?? "none")", "files \(marks)", "kernels \(Kernels.name) \(BLAS.coreType)",
    ]
    var hash = SHA256()
    hash.update(lines.joined(separator: "\n"))
    return hash.hexadecimal()
  }

  /// Sizes and times of files of which the digest covers some numbers only.
  private var marks: String {
    guard !trained.dataset.isDigestedWhole else { return "" }
    return trained.dataset.paths.map { path in
      var status = stat()
      guard stat(path, &status) == 0 else { return path }
      return "\(status.st_size) \(status.st_mtim.tv_sec) \(status.st_mtim.tv_nsec)"
    }.joined(separator: " ")
  }

  /// What is asked of a teacher.
  enum Question {
    /// Logits or values of the head at a place.
    case head(Int)
    /// The output of the layer at a place among those that are read.
    case layer(Int)
  }

  /// Outputs for all samples, in order, computed by all ranks; collective.
  ///
  /// - Parameters:
  ///   - question: of what.
  ///   - world: all ranks.
  ///   - clock: shows how it gets on.
  /// - Returns: on rank 0 a row for each sample; nothing elsewhere.
  /// - Throws: ``TrainingError`` for an output that is not finite, or what reading throws.
  func outputs(
    of question: Question, _ world: Communicator, _ clock: StepClock
  ) throws -> [Float] {
    var all: [Float] = []
    var (place, layer) = (0, Int?.none)
    switch question {
    case .head(let head): place = head
    case .layer(let read): layer = read
    }
    let predictor = Predictor(world, trained, as: .logits, layer: layer, clock: clock)
    try predictor.run { samples, outputs in
      guard case .values(let values) = outputs[place] else {
        preconditionFailure("a teacher that transcribes was refused before")
      }
      if let wrong = values.firstIndex(where: { !$0.isFinite }) {
        let width = values.count / max(1, samples.count)
        throw TrainingError(
          .badData,
          "distillation.teachers: the outputs of \(name) for sample \(samples.lowerBound + wrong / max(1, width)) of "
            + "the training split are not finite; name another run")
      }
      all += values
    }
    return all
  }
}
