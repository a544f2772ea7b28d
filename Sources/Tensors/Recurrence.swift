/// One recurrent layer in one direction over packed sequences: its cell and extents.
///
/// With x the input of a step, h the state before it, σ the logistic function and ∘ the product of
/// numbers one by one:
///
/// - LSTM (Hochreiter and Schmidhuber 1997, with Gers' forget gate): i, f, g, o = σ, σ, tanh, σ of
///   `W x + b + U h + c`, new cell `f ∘ cell + i ∘ g`, new state `o ∘ tanh(cell)`.
/// - GRU: r, z = σ of the same, n = tanh of a third part, new state `(1 − z) ∘ n + z ∘ h`. The reset
///   gate acts after the product, `n = tanh(W x + b + r ∘ (U h + c))`, as in PyTorch, Keras and
///   cuDNN, or before it, `n = tanh(W x + b + U (r ∘ h) + c)`, as in Cho et al. 2014.
///
/// Gates lie in the order named here, as in PyTorch.
public struct Recurrence: Sendable, Equatable {
  /// What a step computes.
  public enum Cell: Sendable, Equatable, CaseIterable {
    /// Long short-term memory.
    case lstm
    /// A gated recurrent unit whose reset gate acts after the product.
    case gru
    /// A gated recurrent unit whose reset gate acts before the product.
    case originalGRU
  }

  /// What a step computes.
  public let cell: Cell
  /// I: channels of the input.
  public let inputs: Int
  /// H: channels of the state.
  public let hidden: Int
  /// What the operands of products are rounded to.
  public let precision: Precision

  /// A layer from its parts.
  public init(cell: Cell, inputs: Int, hidden: Int, precision: Precision = .float32) {
    precondition(inputs > 0 && hidden > 0, "a recurrence of \(inputs) inputs, \(hidden) hidden")
    (self.cell, self.inputs, self.hidden) = (cell, inputs, hidden)
    self.precision = precision
  }

  /// G: 4 gates of an LSTM, 3 of a GRU.
  public var gates: Int { cell == .lstm ? 4 : 3 }

  /// The parameters: `W [G · H, I]`, `U [G · H, H]`, `b [G · H]` and `c [G · H]`.
  public struct Parameters {
    let input, hidden, inputBias, hiddenBias: ConstantFloats

    /// Parameters from where they lie.
    public init(
      input: ConstantFloats, hidden: ConstantFloats, inputBias: ConstantFloats,
      hiddenBias: ConstantFloats
    ) {
      (self.input, self.hidden) = (input, hidden)
      (self.inputBias, self.hiddenBias) = (inputBias, hiddenBias)
    }
  }

  /// Where the gradients of the parameters go, in the same shapes.
  public struct Gradients {
    let input, hidden, inputBias, hiddenBias: Floats

    /// Gradients from where they lie.
    public init(input: Floats, hidden: Floats, inputBias: Floats, hiddenBias: Floats) {
      (self.input, self.hidden) = (input, hidden)
      (self.inputBias, self.hiddenBias) = (inputBias, hiddenBias)
    }
  }

  /// The states of all samples in their own order, H floats each; a GRU has no cell.
  public struct State {
    let hidden: Floats
    let cell: Floats?
    /// Floats from one sample's state to the next one's; nil for H.
    let stride: Int?

    /// States from where they lie.
    ///
    /// - Parameters:
    ///   - hidden: h of the first sample.
    ///   - cell: its cell, of an LSTM.
    ///   - stride: floats from one sample to the next, where other states lie between; nil for H.
    public init(hidden: Floats, cell: Floats? = nil, stride: Int? = nil) {
      (self.hidden, self.cell, self.stride) = (hidden, cell, stride)
    }
  }

  /// What the way back needs of the way there: `[rows, G · H]` and `[rows, H]`, in packed order.
  public struct Tape {
    let gates, inner: Floats

    /// A tape from where it lies; see ``Recurrence/gateCount(rows:)`` and
    /// ``Recurrence/innerCount(rows:)``.
    public init(gates: Floats, inner: Floats) { (self.gates, self.inner) = (gates, inner) }
  }

  /// Floats of a tape's gates.
  public func gateCount(rows: Int) -> Int { rows * gates * hidden }

  /// Floats of a tape's inner values: cells of an LSTM, what the reset gate meets of a GRU.
  public func innerCount(rows: Int) -> Int { rows * hidden }

  /// Floats of scratch that a pass in either direction needs.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - rows: all rows of the batch.
  /// - Returns: room for U in tiles, the products of one step, three states, and the states before
  ///   every row.
  public func scratchCount(samples: Int, rows: Int) -> Int {
    packedCount + samples * (gates + 3) * hidden + rows * hidden
  }

  /// Floats of U in tiles of 16 columns, in one piece or in two, in either direction.
  var packedCount: Int {
    let (h, packed) = (hidden, Kernels.packedCount)
    return cell == .originalGRU
      ? max(packed(h, 2 * h) + packed(h, h), packed(2 * h, h) + packed(h, h))
      : max(packed(h, gates * h), packed(gates * h, h))
  }

  /// Scratch cut into its parts.
  struct Scratch {
    let packed, products, state, through, dense, before: Floats

    init(_ layer: Recurrence, samples: Int, _ base: Floats) {
      let size = samples * layer.hidden
      packed = base
      products = base + layer.packedCount
      state = products + layer.gates * size
      through = state + size
      dense = through + size
      before = dense + size
    }
  }
}
