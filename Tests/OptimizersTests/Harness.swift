import Buffers
import Configuration
import Optimizers
@_spi(Exchange) import Parameters
import Testing

/// Steps a model the way a training loop does, its blocks dealt to a number of imagined ranks.
final class Harness {
  let layout: ParameterLayout
  let store: ParameterStore
  let optimizers: [Optimizer]
  private let touched: TouchedRows
  private let gradient: HostBuffer<Float>
  private let norms: HostBuffer<Double>
  private let tensorNorms: HostBuffer<Double>

  init(
    _ configuration: OptimizerConfiguration, _ layout: ParameterLayout, ranks: Int = 1,
    ema: Double? = nil
  ) throws {
    self.layout = layout
    store = ParameterStore(layout)
    let blocks = layout.blockCount
    let touched = TouchedRows(layout)
    self.touched = touched
    optimizers = try (0..<ranks).map { rank in
      try Optimizer(
        configuration, layout: layout,
        // Dealt like cards, so that a rank owns many runs.
        blocks: BlockSet(
          stride(from: rank, to: blocks, by: ranks).map { $0..<$0 + 1 }, of: layout), ema: ema,
        touched: touched)
    }
    gradient = HostBuffer(count: layout.count)
    norms = HostBuffer(count: optimizers[0].pieceCount)
    tensorNorms = HostBuffer(count: 2 * optimizers[0].pieceCount)
  }

  private func block(_ index: Int) -> GlobalGradients.Block {
    let range = layout.block(index)
    return GlobalGradients.Block(
      index: index, range: range, values: gradient.base + range.lowerBound)
  }

  /// One step on `values`, which touches some rows of lazy tables; returns the norm before clipping.
  @discardableResult
  func step(
    _ values: [Float], clipNorm: Double? = nil, factor: Double = 1, samples: Int = 1,
    touching touches: (_ row: Int) -> Bool = { _ in false }
  ) -> GlobalNorm {
    for (index, value) in values.enumerated() { gradient[index] = value }
    touched.clear()
    for (index, table) in touched.tables.enumerated() {
      for row in 0..<table.rowCount where touches(row) { touched.insert(row, inTable: index) }
    }
    for optimizer in optimizers {
      for index in optimizer.blocks.runs.joined() {
        let first = optimizer.pieces(ofBlocks: index..<index + 1).lowerBound
        optimizer.measureGradient(block(index), into: norms.base + first)
      }
    }
    let norm = GlobalNorm(combining: norms.base, count: norms.count)
    let scale = norm.clipFactor(maxNorm: clipNorm)
    for optimizer in optimizers where optimizer.needsTensorNorms {
      for index in optimizer.blocks.runs.joined() {
        let first = optimizer.pieces(ofBlocks: index..<index + 1).lowerBound
        optimizer.prepare(
          block(index), parameters: store.base, gradientScale: scale,
          into: tensorNorms.base + 2 * first)
      }
    }
    // The update measures on its way, too, and to the same bits.
    let again = HostBuffer<Double>(count: norms.count)
    for index in 0..<norms.count { again[index] = norms[index] + 1 }
    for optimizer in optimizers {
      if optimizer.needsTensorNorms { optimizer.setTensorNorms(tensorNorms.base) }
      for index in optimizer.blocks.runs.joined().reversed() {
        let first = optimizer.pieces(ofBlocks: index..<index + 1).lowerBound
        optimizer.update(
          block(index), parameters: store.base, gradientScale: scale, learningRateFactor: factor,
          samples: samples, measuring: optimizer.needsTensorNorms ? nil : again.base + first)
      }
      optimizer.finishStep()
    }
    if !optimizers[0].needsTensorNorms {
      #expect(again.all.map(\.bitPattern) == norms.all.map(\.bitPattern))
    }
    return norm
  }

  func firstNonFinite() -> String? { optimizers[0].firstNonFinite(in: norms.base) }

  /// The values of one slot.
  func values(_ name: String) -> [Float] { layout[name].map { Array(store[$0]) } ?? [] }
}

/// A layout of slots `name: count`, all trainable and decaying.
func layout(_ slots: [(String, Int)]) -> ParameterLayout {
  var layout = ParameterLayout()
  for (name, count) in slots {
    _ = layout.reserve(name, [count], initializer: .constant(0), decaysByDefault: true)
  }
  return layout
}
