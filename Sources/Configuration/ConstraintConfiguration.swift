/// What the weights of some tensors are held to after every step.
public struct ConstraintConfiguration: Sendable, Equatable {
  /// A pattern of names; of several constraints a tensor follows the first that fits.
  public var match: String
  /// To what.
  public var kind: Kind

  /// A set that weights are projected to, or a penalty whose proximal step they take.
  ///
  /// η is the learning rate of the step: the configured one, or its group's, times the schedule's factor. A rule with a
  /// step size for each weight, as Adam's, leaves η what it is here.
  public enum Kind: Sendable, Equatable {
    /// `−c ≤ w ≤ c`.
    case box(Double)
    /// A box whose c is the quantile of |w| of each tensor after step `at`, and from then on.
    case quantile(of: Double, at: Int)
    /// A box whose c is, from step `at` on, the quantile `of` the magnitudes that come out of the tensor's layer over the
    /// same quantile of those that go in, on `count` training samples.
    case samples(of: Double, at: Int, count: Int)
    /// The L2 norm of the weights that feed an output is at most this.
    case maxNorm(Double)
    /// `w ← sign(w) max(|w| − η λ, 0)`.
    case l1(Double)
    /// The n weights that feed an output: `w ← w max(0, 1 − η λ √n / ‖w‖)`.
    case group(Double)
    /// This share of a tensor's weights, its largest, stays; the others become 0.
    case topK(Double)

    /// The step after which its bound is found; nil where none has to be.
    public var firstStep: Int? {
      switch self {
      case .quantile(_, let step), .samples(_, let step, _): step
      default: nil
      }
    }

    /// Its key.
    public var name: String {
      switch self {
      case .box: "box"
      case .quantile: "quantile"
      case .samples: "samples"
      case .maxNorm: "maxNorm"
      case .l1: "l1"
      case .group: "group"
      case .topK: "topK"
      }
    }
  }

  /// A constraint from its parts.
  public init(match: String, kind: Kind) {
    self.match = match
    self.kind = kind
  }
}
