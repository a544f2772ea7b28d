/// The recurrent states that one microbatch begins with, and room for those that it ends with.
///
/// Both hold a row of ``Model/carriedWidth`` floats for each sample: the layers that carry, in forward order, of each
/// its levels, of each h and then, of an LSTM, the cell. A sample without steps ends as it began. No gradient
/// flows into what a pass begins with.
public struct CarriedState: BitwiseCopyable {
  let before: UnsafeMutablePointer<Float>
  let after: UnsafeMutablePointer<Float>

  /// States from where they lie.
  ///
  /// - Parameters:
  ///   - before: `[n, width]`, only read.
  ///   - after: `[n, width]`, overwritten; may be `before` in evaluation, not in training, whose way back still
  ///     needs what the way there began with.
  public init(before: UnsafeMutablePointer<Float>, after: UnsafeMutablePointer<Float>) {
    (self.before, self.after) = (before, after)
  }
}
