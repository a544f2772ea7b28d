/// From which trained runs a run learns, beside its data.
public struct DistillationConfiguration: Sendable, Equatable {
  /// Run folders; relative to the configuration's folder, else to the current one.
  public var teachers: [String]
  /// What is averaged of several teachers; default `probabilities`.
  public var combine: Combination
  /// T: by what logits are divided before they become probabilities; default 4.
  public var temperature: Double
  /// α: the share of the teachers in a head's loss, in `0 ... 1`; default 0.7.
  public var alpha: Double
  /// The teachers' head of each of our heads that learns from them; empty: all that can, from the head of the same name.
  public var heads: [String: String]
  /// Where the teachers' outputs are kept, relative to the configuration's folder; nil: in the run folder.
  public var cache: String?

  /// Our layers that learn from a teacher's, each by its path.
  public var hints: [String: Hint]

  /// What one of our layers learns from a teacher's.
  public struct Hint: Sendable, Equatable {
    /// The path of the teacher's layer.
    public var layer: String
    /// The factor of its loss `½ ‖R v − u‖²`, the mean over samples and places; default 1.
    public var weight: Double
    /// The teacher, as `teachers` names it; nil: the only one.
    public var teacher: String?

    /// A hint from its parts.
    ///
    /// - Parameters:
    ///   - layer: the path of the teacher's layer.
    ///   - weight: the factor of its loss, above 0.
    ///   - teacher: the teacher; nil: the only one.
    public init(layer: String, weight: Double = 1, teacher: String? = nil) {
      self.layer = layer
      self.weight = weight
      self.teacher = teacher
    }
  }

  /// What is averaged of several teachers.
  public enum Combination: String, Sendable, Equatable, CaseIterable {
    /// The probabilities at T.
    case probabilities
    /// The logits, before they are divided by T.
    case logits
  }

  /// A configuration from its parts.
  ///
  /// - Parameters:
  ///   - teachers: run folders, at least one.
  ///   - combine: what is averaged of several teachers.
  ///   - temperature: T, above 0.
  ///   - alpha: α, in `0 ... 1`.
  ///   - heads: the teachers' head of each of our heads; empty means all.
  ///   - cache: where the teachers' outputs are kept.
  ///   - hints: our layers that learn from a teacher's.
  public init(
    teachers: [String], combine: Combination = .probabilities, temperature: Double = 4,
    alpha: Double = 0.7, heads: [String: String] = [:], cache: String? = nil,
    hints: [String: Hint] = [:]
  ) {
    self.hints = hints
    self.teachers = teachers
    self.combine = combine
    self.temperature = temperature
    self.alpha = alpha
    self.heads = heads
    self.cache = cache
  }
}
