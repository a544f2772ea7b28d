/// A stack of recurrent layers over a sequence `[T, C]`.
public struct RecurrentConfiguration: Sendable, Equatable {
  /// What one step computes.
  public enum Cell: Sendable, Equatable {
    /// Long short-term memory.
    case lstm
    /// A gated recurrent unit.
    case gru(Variant)
  }

  /// Where the reset gate of a gated recurrent unit acts.
  public enum Variant: String, Sendable, Equatable, CaseIterable {
    /// On the product with the state, as in PyTorch, Keras and cuDNN.
    case resetAfter
    /// On the state before the product, as in Cho et al. 2014.
    case original
  }

  /// What one step computes.
  public var cell: Cell
  /// H: channels of the state, of one direction.
  public var hidden: Int
  /// How many lie on top of each other; default 1.
  public var layers: Int
  /// Whether a second state runs from the last step to the first; default false.
  public var bidirectional: Bool
  /// The rate of dropout between two layers; default 0.
  public var dropout: Double
  /// Whether a sample begins with the state that the same place of the batch before ended with; default false.
  public var carries: Bool

  /// A stack from its parts.
  public init(
    cell: Cell, hidden: Int, layers: Int = 1, bidirectional: Bool = false, dropout: Double = 0,
    carries: Bool = false
  ) {
    self.cell = cell
    self.hidden = hidden
    self.layers = layers
    self.bidirectional = bidirectional
    self.dropout = dropout
    self.carries = carries
  }

  /// The layer's name in a configuration.
  public var keyword: String { cell == .lstm ? "lstm" : "gru" }
}
