extension TrainConfiguration {
  /// What a training pass does not keep: it is computed again when the way back needs it.
  public enum Recomputation: Sendable, Equatable {
    /// Everything is kept that is needed.
    case none
    /// The inside of runs of so many blocks: residual, concat, or those of a transformer.
    case blocks(Int)
    /// The inside of runs of so many layers of any chain.
    case layers(Int)

    /// Whether runs are counted in blocks.
    public var countsBlocks: Bool {
      if case .blocks = self { return true }
      return false
    }
  }
}
