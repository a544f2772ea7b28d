/// The closed vocabulary of metrics, by the name a configuration writes.
public enum MetricName: String, Sendable, Equatable, CaseIterable {
  /// The head's loss, averaged over the samples.
  case loss
  /// Share of samples whose most probable class is the true one.
  case accuracy
  /// Share of samples whose true class is among the five most probable.
  case top5
  /// Precision, unweighted mean over the classes.
  case precisionMacro
  /// Precision over all decisions together.
  case precisionMicro
  /// Precision, mean over the classes weighted by their true samples.
  case precisionWeighted
  /// Recall, unweighted mean over the classes.
  case recallMacro
  /// Recall over all decisions together.
  case recallMicro
  /// Recall, mean over the classes weighted by their true samples.
  case recallWeighted
  /// F1, unweighted mean over the classes.
  case f1Macro
  /// F1 over all decisions together.
  case f1Micro
  /// F1, mean over the classes weighted by their true samples.
  case f1Weighted
  /// Area under the receiver operating characteristic; one against the rest for several classes.
  case rocAUC
  /// Area under the precision-recall curve as a step function.
  case averagePrecision
  /// Negative logarithm of the true class's probability, without smoothing or class weights.
  case logLoss
  /// Root of the mean squared error.
  case rmse
  /// Mean absolute error.
  case mae
  /// Share of variance explained: one minus residual over total sum of squares.
  case r2
  /// Insertions, deletions and substitutions that turn transcriptions into their truths, by the ids of
  /// the truths: the error rate of digits, characters or words, whatever the ids are.
  case tokenErrorRate
  /// The same of the Unicode characters that the ids spell, where the data has their texts.
  case characterErrorRate
  /// The same of the words that the ids spell: runs of characters between blanks.
  case wordErrorRate
  /// The matrix of true against predicted classes, as counts.
  case confusion

  /// The k of top-k accuracy that this vocabulary names.
  public static let topK = 5

  /// Whether smaller values are better.
  public var isSmallerBetter: Bool {
    switch self {
    case .loss, .logLoss, .rmse, .mae, .tokenErrorRate, .characterErrorRate, .wordErrorRate: true
    default: false
    }
  }

  /// Whether the metric is one number, which early stopping or the choice of the best needs.
  public var isScalar: Bool { self != .confusion }
}
