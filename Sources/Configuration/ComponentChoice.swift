/// How many leading principal components of a field are kept: `components: {energy: 0.25}` or `{count: 4}`.
public enum ComponentChoice: Sendable, Equatable {
  /// As many as it takes to hold this share of the training split's variance, in `0 ... 1`.
  case energy(Double)
  /// So many, or all there are.
  case count(Int)
}
