import Configuration
import Parameters
import Tensors

extension Compiler {
  /// `gru` and `lstm`: a sequence `[T, C]` becomes `[T, H]`, or `[T, 2 H]` of both directions.
  mutating func recurrent(
    _ settings: RecurrentConfiguration, _ context: LayerContext
  ) throws -> Compiled {
    let kind = settings.keyword
    try check(settings, kind, context)
    let input = try sequence(context.input, kind, context.path)
    guard let axis = input.axis else { preconditionFailure("a sequence has an axis") }
    let inner = context.reading(input)
    let width = settings.hidden * (settings.bidirectional ? 2 : 1)
    let order = plan.reserve(SequenceOrder.count(samples: capacity), of: Int.self)
    var levels: [RecurrentLayer.Level] = []
    var value = input
    var multiplyAdds = 0
    for level in 0..<settings.layers {
      var cells: [RecurrentLayer.Cell] = []
      var channels: [(ChannelUnits?, Int)] = []
      for side in 0..<(settings.bidirectional ? 2 : 1) {
        let own = units.add(settings.hidden, self.settings("hidden", context), .recurrent)
        channels.append((own, settings.hidden))
        let cell = try cell(settings, level: level, side: side, reading: value, own, inner)
        cells.append(cell)
        let recurrence = cell.recurrence
        multiplyAdds +=
          input.mostUnits * recurrence.gates * recurrence.hidden
          * (recurrence.inputs + recurrence.hidden)
      }
      // The way back reads the output, as the states before every step.
      value = try output(
        [width], inner, .channels(.joined(channels)), requiresGradient: true, overwritable: false,
        channelsFirst: false)
      let drops = settings.dropout > 0 && level + 1 < settings.layers
      levels.append(
        RecurrentLayer.Level(
          cells: cells, scalars: value.scalars, output: value.place,
          dropped: drops ? .region(plan.reserve(try memory(value, context.path))) : nil,
          path: pathHash("\(context.path).dropout\(level)")))
    }
    return Compiled(
      layer: RecurrentLayer(
        input: input, output: value, axis: axis, levels: levels, order: order,
        dropout: settings.dropout),
      output: value, multiplyAdds: multiplyAdds)
  }

  /// Throws unless the options fit one another.
  private func check(
    _ settings: RecurrentConfiguration, _ kind: String, _ context: LayerContext
  ) throws {
    try require(settings.hidden, atLeast: 1, "\(kind) hidden", context)
    try require(settings.layers, atLeast: 1, "\(kind) layers", context)
    try require(
      settings.dropout >= 0 && settings.dropout < 1, "\(kind) dropout", expected: "in 0 ..< 1",
      found: settings.dropout, context)
    guard !settings.carries || !settings.bidirectional else {
      throw ModelError(
        .setting, context.path,
        "expected one direction in a \(kind) that carries its state, found two")
    }
  }

  /// Slots and tape of one direction of one layer.
  private mutating func cell(
    _ settings: RecurrentConfiguration, level: Int, side: Int, reading value: Value,
    _ own: ChannelUnits?, _ context: LayerContext
  ) throws -> RecurrentLayer.Cell {
    let recurrence = Recurrence(
      cell: settings.cell.recurrence, inputs: value.channels, hidden: settings.hidden,
      precision: precision)
    let (gates, hidden) = (recurrence.gates, settings.hidden)
    let suffix = "\(level)" + (side == 1 ? "Reversed" : "")
    let rows = try product([value.mostUnits, capacity], context.path)
    _ = try product([rows, gates, hidden], context.path)
    _ = try product([hidden, hidden, 2 * gates], context.path)
    // Glorot and Bengio 2010, gate by gate.
    let bound = Float((6 / Double(value.channels + hidden)).squareRoot())
    // A forget gate that begins open lets gradients pass (Jozefowicz, Zaremba and Sutskever 2015).
    let bias: [Float] = settings.cell == .lstm ? [0, 1, 0, 0] : [0]
    let rowUnits = own?.tiled(gates)
    let carried = settings.carries ? carriedWidth : nil
    if settings.carries { carriedWidth += settings.cell == .lstm ? 2 * hidden : hidden }
    scratchCount = max(
      scratchCount, recurrence.scratchCount(samples: capacity, rows: rows))
    return RecurrentLayer.Cell(
      recurrence: recurrence,
      inputWeight: try slot(
        "inputWeight\(suffix)", [gates * hidden, value.channels], context, .uniform(bound: bound),
        decays: true, units: [rowUnits, value.channelUnits]),
      hiddenWeight: try slot(
        "hiddenWeight\(suffix)", [gates * hidden, hidden], context, .orthogonal, decays: true,
        units: [rowUnits, own]),
      inputBias: try slot(
        "inputBias\(suffix)", [gates * hidden], context, .sections(bias), units: [rowUnits]),
      hiddenBias: try slot(
        "hiddenBias\(suffix)", [gates * hidden], context, .constant(0), units: [rowUnits]),
      gates: plan.reserve(recurrence.gateCount(rows: rows)),
      inner: plan.reserve(recurrence.innerCount(rows: rows)), carried: carried)
  }
}

extension RecurrentConfiguration.Cell {
  /// The same for the kernels.
  fileprivate var recurrence: Recurrence.Cell {
    switch self {
    case .lstm: .lstm
    case .gru(.resetAfter): .gru
    case .gru(.original): .originalGRU
    }
  }
}
