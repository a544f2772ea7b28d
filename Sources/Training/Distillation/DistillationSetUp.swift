import Configuration
import Datasets
import Models

extension TrainingSetUp {
  /// What decides teachers' outputs, a line each, as a run's identity has it.
  static func lines(_ distillation: DistillationSetUp?) -> String {
    (distillation?.digests ?? []).map { "teacher: \($0)\n" }.joined()
  }
}

/// From whom a run learns, worked out before it starts.
public struct DistillationSetUp {
  /// What was asked for.
  public let configuration: DistillationConfiguration
  /// The heads that learn from teachers.
  public let heads: [Pair]
  /// The layers that learn from those of teachers.
  public let hints: [Hint]
  /// What decides the teachers' outputs, one SHA-256 each: another teacher makes another run.
  let digests: [String]
  /// The teachers, until what they say is known.
  private(set) var teachers: [Teacher]
  /// S.
  let samples: Int

  /// A head and the one it learns from.
  public struct Pair: Sendable, Equatable {
    /// The place of our head.
    public let student: Int
    /// The name of our head.
    public let name: String
    /// The teachers' head.
    public let teacher: String
    /// Numbers for each sample: rows times Y.
    public let width: Int
    /// Rows for each sample.
    public let rows: Int
    /// What the numbers become: probabilities of classes, of answers, or values.
    let loss: LossConfiguration
  }

  /// Checks the teachers; nil where a run has none.
  ///
  /// - Parameters:
  ///   - configuration: of the run, resolved.
  ///   - teachers: those of the run.
  ///   - hints: what layers learn from them.
  ///   - model: the student.
  ///   - dataset: the student's data.
  /// - Throws: ``TrainingError``, or what reading throws.
  init?(
    _ configuration: RunConfiguration, _ teachers: [Teacher], _ hints: [Hint], _ model: Model,
    _ dataset: Dataset
  ) throws {
    guard let settings = configuration.distillation else { return nil }
    self.configuration = settings
    samples = try dataset.split(.train)?.count ?? 0
    self.teachers = teachers
    self.hints = hints
    digests = teachers.map(\.digest)
    heads = try Self.pairs(settings, model)
    for teacher in teachers {
      guard teacher.trained.split.count == samples else {
        preconditionFailure("a split of \(teacher.trained.split.count) samples and of \(samples)")
      }
      for pair in heads { try Self.check(pair, model, teacher, dataset) }
    }
    try Self.check(hints, model, teachers)
  }

  /// Our heads that learn, each with the teachers' head.
  private static func pairs(
    _ settings: DistillationConfiguration, _ model: Model
  ) throws -> [Pair] {
    var pairs: [Pair] = []
    for (index, head) in model.heads.enumerated() {
      let named = settings.heads[head.name]
      guard named != nil || (settings.heads.isEmpty && head.loss.hasSoftTerm) else { continue }
      guard let rows = head.rowsPerSample, !head.mayLack else {
        throw TrainingError(
          .badConfiguration,
          "distillation: head '\(head.name)' predicts another number of rows for every sample; name under "
            + "distillation.heads the heads that can learn from teachers")
      }
      pairs.append(
        Pair(
          student: index, name: head.name, teacher: named ?? head.name, width: rows * head.outputs,
          rows: rows, loss: head.loss))
    }
    return pairs
  }

  /// Refuses a teacher's head that says something else than ours.
  private static func check(
    _ pair: Pair, _ model: Model, _ teacher: Teacher, _ dataset: Dataset
  ) throws {
    let (own, known) = (model.heads[pair.student], teacher.trained.model.heads)
    let place = "distillation.teachers: \(teacher.name)"
    guard let other = known.first(where: { $0.name == pair.teacher }) else {
      let names = known.map(\.name).joined(separator: ", ")
      throw TrainingError(
        .badConfiguration,
        "\(place) has no head '\(pair.teacher)' for our '\(pair.name)'; it has: \(names); name the counterpart as "
          + "distillation.heads.\(pair.name)")
    }
    let (ours, theirs) = (words(own), words(other))
    guard ours == theirs, other.rowsPerSample == own.rowsPerSample, !other.mayLack else {
      throw TrainingError(
        .badConfiguration,
        "\(place) predicts \(theirs) by head '\(other.name)', and our head '\(own.name)' \(ours); name a teacher of the "
          + "same target")
    }
    guard own.target == other.target else { return }
    do {
      try RunFolder(teacher.trained.run).requireMeanings(of: dataset, [own.target])
    } catch let error as TrainingError {
      throw TrainingError(error.status, "\(place): \(error.message)")
    }
  }

  /// What a head predicts.
  private static func words(_ head: Head) -> String {
    let rows =
      head.rowsPerSample.map { $0 == 1 ? "" : " for each of \($0) steps" } ?? " for each step"
    switch head.loss {
    case .crossEntropy: return "\(head.outputs) classes" + rows
    case .binaryCrossEntropy:
      return (head.outputs == 1 ? "yes or no" : "\(head.outputs) times yes or no") + rows
    case .meanSquaredError, .huber: return "\(head.outputs) values" + rows
    case .ctc: return "sequences of \(head.outputs) tokens"
    case .bpr: return "scores against drawn negatives"
    }
  }

  /// The keys of all outputs that the run needs.
  var keys: [String] {
    teachers.flatMap { teacher in heads.map { teacher.key("head \($0.teacher)") } }
      + (teachers.isEmpty ? [] : hints.map { teachers[$0.teacher].key("layer \($0.source)") })
  }

  /// Lets the teachers' weights go, of which nothing more is needed.
  mutating func releaseTeachers() { teachers = [] }

  /// Bytes of what the teachers say, once per node.
  public var tableBytes: Int {
    MemoryLayout<Float>.stride * samples
      * (heads.reduce(0) { $0 + $1.width } + hints.reduce(0) { $0 + $1.width })
  }

  /// Bytes of the teachers' weights and passes on every rank, until their outputs are known.
  public var teacherBytes: Int {
    teachers.reduce(0) {
      $0 + MemoryLayout<Float>.stride * $1.trained.model.layout.residentCount
        + $1.trained.model.arenaBytes
    }
  }
}
