import Tensors

/// What the samples of a split are for.
public enum SplitRole: String, Sendable, Equatable, CaseIterable {
  /// They move the parameters.
  case train
  /// They choose between models.
  case validation
  /// They measure the chosen one.
  case test
}

/// Assigns samples to roles by a hash of their number, so that no list needs to be kept.
///
/// Sample i draws one uniform number u in 0 ..< 1, a pure function of (seed, i). With shares, u below
/// `validation` validates, u below `validation + test` tests, the rest trains; with k folds, the
/// samples whose `floor(u · k)` is the chosen fold validate and the rest trains. Changing one share
/// moves only the samples at its border.
public struct SplitAssignment: Sendable, Equatable {
  /// How u is divided.
  public enum Rule: Sendable, Equatable {
    /// By shares of all samples.
    case shares(validation: Double, test: Double)
    /// Fold `fold` of `folds` validates.
    case fold(Int, of: Int)
  }

  /// Keys the hash.
  public let seed: UInt64
  /// How u is divided.
  public let rule: Rule

  /// An assignment; shares must be in 0 ..< 1 and leave something to train on.
  public init(seed: UInt64, rule: Rule) {
    switch rule {
    case .shares(let validation, let test):
      precondition(validation >= 0 && test >= 0 && validation + test < 1, "shares \(rule)")
    case .fold(let fold, let folds):
      precondition(folds >= 2 && (0..<folds).contains(fold), "folds \(rule)")
    }
    self.seed = seed
    self.rule = rule
  }

  /// The role of the sample with this number.
  public func role(of sample: Int) -> SplitRole {
    let random = CounterRandom(seed: seed, purpose: .split)
    let share = Double(random.bits(at: sample)) * 0x1p-32
    switch rule {
    case .shares(let validation, let test):
      if share < validation { return .validation }
      return share < validation + test ? .test : .train
    case .fold(let fold, let folds):
      return Int(share * Double(folds)) == fold ? .validation : .train
    }
  }

  /// The numbers of all samples of a role, ascending.
  public func samples(of role: SplitRole, among count: Int) -> [Int] {
    (0..<count).filter { self.role(of: $0) == role }
  }
}
