import Buffers

/// The gradient of one microbatch, scaled by the heads' normalisers, in canonical order.
///
/// Only an exchange turns these into something an optimizer accepts.
public struct LocalGradients: ~Copyable {
  /// P scalars; statistic slots hold `n · value`.
  public let values: HostBuffer<Float>
  /// The microbatch's place in the step.
  public var microbatch: Int

  /// Zeroed gradients for `layout`.
  public init(_ layout: ParameterLayout) {
    values = HostBuffer(count: layout.count)
    microbatch = 0
  }

  /// Gradients for `layout` in memory of `keeper`, as it is; the backward pass writes every slot.
  public init(
    _ layout: ParameterLayout, viewing base: UnsafeMutablePointer<Float>, keeper: AnyObject
  ) {
    values = HostBuffer(viewing: base, count: layout.count, keeper: keeper)
    microbatch = 0
  }
}

/// Namespace of what the exchange hands to the optimizer.
public enum GlobalGradients {
  /// The touched rows of a sharded table that one rank owns: the gradient of the whole global batch.
  public struct Rows {
    /// The table's place among the layout's sharded tables.
    public let table: Int
    /// The rows, ascending.
    public let numbers: UnsafeBufferPointer<Int64>
    /// Their scalars, `[numbers.count, width]`, nil for none; the optimizer may overwrite them.
    public let values: UnsafeMutablePointer<Float>?

    /// Declares that `values` are the tree's sums over all microbatches.
    @_spi(Exchange)
    public init(
      table: Int, numbers: UnsafeBufferPointer<Int64>, values: UnsafeMutablePointer<Float>?
    ) {
      self.table = table
      self.numbers = numbers
      self.values = values
    }
  }

  /// One block of the gradient of the whole global batch.
  ///
  /// Made only by an exchange: the initialiser is hidden from every other room, so stepping on
  /// unreduced gradients does not compile.
  public struct Block {
    /// The block's number in the layout.
    public let index: Int
    /// Its place in the canonical order.
    public let range: Range<Int>
    /// Its scalars, `range.count` of them; the optimizer may overwrite them.
    public let values: UnsafeMutablePointer<Float>

    /// Declares that `values` is the tree's sum over all microbatches.
    @_spi(Exchange)
    public init(index: Int, range: Range<Int>, values: UnsafeMutablePointer<Float>) {
      self.index = index
      self.range = range
      self.values = values
    }
  }
}
