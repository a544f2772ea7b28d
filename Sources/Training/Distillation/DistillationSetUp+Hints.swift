import Configuration
import Models

extension DistillationSetUp {
  /// A layer of ours and the one it learns from.
  public struct Hint: Sendable, Equatable {
    /// The path of our layer.
    public let layer: String
    /// The path of the teacher's.
    public let source: String
    /// The teacher's place.
    public let teacher: Int
    /// The layer's place among those that are read of the teacher.
    let place: Int
    /// Rows of a sample, one for each place or step.
    public let rows: Int
    /// The teacher's channels.
    public let channels: Int
    /// The factor of its loss.
    public let weight: Double

    /// Numbers for each sample.
    public var width: Int { rows * channels }
  }

  /// Loads the teachers of a run, and finds what its layers learn from them; nothing where it has none.
  ///
  /// - Parameters:
  ///   - configuration: of the run, resolved.
  ///   - folder: the configuration's folder.
  /// - Returns: a teacher for each that is named, in their order, and a hint for each layer of ours.
  /// - Throws: ``TrainingError``, or what loading throws.
  static func load(
    _ configuration: RunConfiguration, _ folder: String
  ) throws -> (teachers: [Teacher], hints: [Hint]) {
    guard let settings = configuration.distillation else { return ([], []) }
    let teachers = try settings.teachers.indices.map {
      try Teacher(
        settings.teachers[$0], relativeTo: folder, data: configuration.data,
        reading: settings.layers(ofTeacher: $0))
    }
    return (teachers, try hints(settings, teachers))
  }

  /// What our layers learn from teachers', in the order of our paths.
  ///
  /// - Parameters:
  ///   - settings: what was asked for.
  ///   - teachers: those of the run.
  /// - Returns: one for each layer of ours.
  /// - Throws: ``TrainingError`` for a layer whose places differ from sample to sample.
  private static func hints(_ settings: DistillationConfiguration, _ teachers: [Teacher]) throws
    -> [Hint]
  {
    try settings.hints.sorted { $0.key < $1.key }.map { layer, hint in
      let number = settings.place(ofTeacher: hint)
      let teacher = teachers[number]
      guard let place = settings.layers(ofTeacher: number).firstIndex(of: hint.layer) else {
        preconditionFailure("a layer that nobody reads")
      }
      let found = teacher.trained.model.readLayers[place]
      guard let rows = found.rowsPerSample else {
        throw TrainingError(
          .badConfiguration,
          "distillation.hints: \(hint.layer) of \(teacher.name) has another number of places for every sample, or "
            + "may be missing; name a layer with a fixed size, as one behind a pool")
      }
      return Hint(
        layer: layer, source: hint.layer, teacher: number, place: place, rows: rows,
        channels: found.channels, weight: hint.weight)
    }
  }

  /// Refuses layers that have another number of places than the teacher's.
  ///
  /// - Throws: ``TrainingError`` naming both layers and their places.
  static func check(_ hints: [Hint], _ model: Model, _ teachers: [Teacher]) throws {
    for (hint, own) in zip(hints, model.hints) where own.rowsPerSample != hint.rows {
      throw TrainingError(
        .badConfiguration,
        "distillation.hints: our \(hint.layer) has \(own.rowsPerSample) places or steps a sample, \(hint.source) of "
          + "\(teachers[hint.teacher].name) has \(hint.rows); name layers with as many, as those behind as many pools"
      )
    }
  }
}

extension DistillationSetUp.Hint {
  /// What the compiler has to know of it.
  var request: HintRequest { HintRequest(layer: layer, channels: channels, weight: weight) }
}

extension DistillationConfiguration {
  /// The teacher of a hint.
  fileprivate func place(ofTeacher hint: Hint) -> Int {
    hint.teacher.flatMap { teachers.firstIndex(of: $0) } ?? 0
  }

  /// The layers that hints read of a teacher, each once.
  fileprivate func layers(ofTeacher number: Int) -> [String] {
    Set(hints.values.filter { place(ofTeacher: $0) == number }.map(\.layer)).sorted()
  }
}

extension RunConfiguration {
  /// The same run for another network than the one that hints are about: with its teachers and without hints.
  var withoutHints: RunConfiguration {
    var copy = self
    copy.distillation?.hints = [:]
    let learns = model.heads.contains { $0.loss.hasSoftTerm }
    if !learns { copy.distillation = nil }
    return copy
  }
}
