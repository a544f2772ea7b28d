import Configuration

extension Compiler {
  /// The options that count the units of the layer at `context`.
  func settings(_ key: String, _ context: LayerContext) -> [SizeSetting] {
    // A composite says what counts the units of the layers that it is made of.
    if let owner = owners[context.path] { return owner.map { [$0] } ?? [] }
    return [SizeSetting(context.path, key)]
  }

  /// Lets the channels of `value` stay, which the layer at `path` takes for positions.
  mutating func forgetChannels(of value: inout Value, isPositions: Bool, _ path: String) {
    guard isPositions else { return }
    units.fix(value.channelUnits, unruled: path)
    value.channelUnits = nil
  }

  /// The units of `value` flattened.
  mutating func flattened(_ value: Value) -> ChannelUnits? {
    units.tiled(value.channelUnits, value.positions)
  }

  /// The units of one modality's columns in a join.
  func channels(_ part: FusionColumns.Part, _ joined: Value) -> ChannelUnits? {
    joined.channelUnits.map {
      ChannelUnits($0.numbers[part.column..<part.column + part.width])
    }
  }
}
