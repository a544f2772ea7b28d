/// A number of a model's configuration that says how wide a layer is, by where it stands.
public struct SizeSetting: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The path of the layer, as in the names of its parameters: `modalities.image.0`, or `fusion`.
  public let path: String
  /// The option: `out`, `hidden`, `size`, `heads`, `headSize` or `groups`.
  public let key: String

  /// The option `key` of the layer at `path`.
  public init(_ path: String, _ key: String) {
    self.path = path
    self.key = key
  }

  /// Path and option, joined by a dot.
  public var description: String { "\(path).\(key)" }

  /// In the order of their texts.
  public static func < (left: SizeSetting, right: SizeSetting) -> Bool {
    (left.path, left.key) < (right.path, right.key)
  }
}

extension ModelConfiguration {
  /// The same network with other sizes.
  ///
  /// - Parameter sizes: the new numbers; settings that are not among them stay.
  /// - Returns: a configuration that differs in these numbers alone.
  public func resized(_ sizes: [SizeSetting: Int]) -> ModelConfiguration {
    var copy = self
    for index in modalities.indices {
      copy.modalities[index].encoder = LayerConfiguration.resized(
        modalities[index].encoder, at: "modalities.\(modalities[index].name)", sizes)
    }
    for index in heads.indices {
      copy.heads[index].layers = LayerConfiguration.resized(
        heads[index].layers, at: "heads.\(heads[index].name)", sizes)
    }
    if let coupling {
      copy.coupling?.first.projection = LayerConfiguration.resized(
        coupling.first.projection, at: "coupling.\(coupling.first.modality)", sizes)
      copy.coupling?.second.projection = LayerConfiguration.resized(
        coupling.second.projection, at: "coupling.\(coupling.second.modality)", sizes)
    }
    if let out = sizes[SizeSetting("fusion", "out")] {
      switch fusion {
      case .gated: copy.fusion = .gated(out: out)
      case .lowRank(let rank, _): copy.fusion = .lowRank(rank: rank, out: out)
      default: break
      }
    }
    return copy
  }
}

extension LayerConfiguration {
  /// Layers whose paths are `prefix.0`, `prefix.1` and on, with other sizes.
  fileprivate static func resized(
    _ layers: [LayerConfiguration], at prefix: String, _ sizes: [SizeSetting: Int]
  ) -> [LayerConfiguration] {
    layers.enumerated().map { $1.resized(at: "\(prefix).\($0)", sizes) }
  }

  private func resized(at path: String, _ sizes: [SizeSetting: Int]) -> LayerConfiguration {
    func size(_ key: String) -> Int? { sizes[SizeSetting(path, key)] }
    switch self {
    case .linear(let out, let bias): return .linear(out: size("out") ?? out, bias: bias)
    case .conv(var settings):
      settings.resize(size)
      return .conv(settings)
    case .conv1d(var settings):
      settings.resize(size)
      return .conv1d(settings)
    case .residual(let layers, let shortcut):
      return .residual(
        layers: Self.resized(layers, at: "\(path).layers", sizes),
        shortcut: Self.resized(shortcut, at: "\(path).shortcut", sizes))
    case .concat(let branches):
      return .concat(
        branches: branches.enumerated().map {
          Self.resized($1, at: "\(path).branches.\($0)", sizes)
        })
    case .embedding(let vocabulary, let old, let deviation, let rows, let shard):
      return .embedding(
        vocabulary: vocabulary, size: size("size") ?? old, deviation: deviation, rows: rows,
        shard: shard)
    case .recurrent(var stack):
      stack.hidden = size("hidden") ?? stack.hidden
      return .recurrent(stack)
    case .attention(var attention):
      attention.heads = size("heads") ?? attention.heads
      attention.headSize = size("headSize") ?? attention.headSize
      return .attention(attention)
    case .transformer(var blocks):
      blocks.heads = size("heads") ?? blocks.heads
      blocks.headSize = size("headSize") ?? blocks.headSize
      blocks.hidden = size("hidden") ?? blocks.hidden
      return .transformer(blocks)
    case .featureTokens(let old): return .featureTokens(size: size("size") ?? old)
    default: return self
    }
  }
}

extension ConvolutionConfiguration {
  fileprivate mutating func resize(_ size: (String) -> Int?) {
    out = size("out") ?? out
    groups = size("groups") ?? groups
  }
}
