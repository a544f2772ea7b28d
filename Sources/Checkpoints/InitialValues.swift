import Buffers
import Configuration
import Parameters

/// Fills parameters from a safetensors file, ours or PyTorch's, its tensors in any ``TensorForm``, or from a
/// checkpoint.
///
/// A file whose metadata says `format: aimass` has our names and layouts. Any other is taken for
/// PyTorch's: convolution weights `[O, C, K, K]`, linear weights after an image in channel order,
/// and `running_mean` and `running_var`. Tensors the model does not ask for are ignored.
public enum InitialValues {
  /// What was filled.
  public struct Report: Sendable, Equatable {
    /// Our names of the slots that were filled, in canonical order.
    public let filled: [String]
    /// Names of the file that nothing asked for.
    public let unused: [String]
  }

  /// A slot and the tensor that fills it.
  private struct Match {
    let slot: ParameterSlot
    let tensor: InitialTensor
  }

  /// Fills the chosen slots of `store`; all of them or, on an error about names or shapes, none.
  ///
  /// - Parameters:
  ///   - store: the model's values; slots that are not chosen keep theirs.
  ///   - path: the file, or the folder of a checkpoint, resolved.
  ///   - configuration: which slots, and how the file calls them.
  /// - Returns: what was filled and what was left over.
  /// - Throws: `CheckpointError` listing every missing name and every shape that does not fit.
  public static func load(
    into store: ParameterStore, from path: String, _ configuration: InitializeConfiguration
  ) throws -> Report {
    let source = try InitialSource(path)
    let slots = try chosen(store.layout, configuration)
    let matches = try match(slots, in: source, rename: configuration.rename)
    for match in matches {
      try fill(store, match, path: path, isOurs: source.isOurs)
    }
    let used = Set(matches.flatMap(\.tensor.partNames))
    return Report(
      filled: matches.map(\.slot.name),
      unused: source.names.filter { !used.contains($0) })
  }

  /// The slots that patterns include and do not exclude.
  private static func chosen(
    _ layout: ParameterLayout, _ configuration: InitializeConfiguration
  ) throws -> [ParameterSlot] {
    func patterns(_ texts: [String], _ key: String) throws -> [NamePattern] {
      try texts.map { text in
        let pattern = NamePattern(text)
        guard !layout.slots(matching: pattern).isEmpty else {
          throw CheckpointError(
            .badConfiguration,
            "initialize.\(key): the pattern '\(text)' fits no parameter of this model")
        }
        return pattern
      }
    }
    let include = try patterns(configuration.include, "include")
    let exclude = try patterns(configuration.exclude, "exclude")
    for prefix in configuration.rename.keys.sorted() {
      guard layout.slots.contains(where: { renames(prefix, $0.name) }) else {
        throw CheckpointError(
          .badConfiguration,
          "initialize.rename: '\(prefix)' is no parameter of this model, nor, ending in a dot, the"
            + " beginning of one")
      }
    }
    return layout.slots.filter { slot in
      !slot.isAuxiliary && (include.isEmpty || include.contains { $0.matches(slot.name) })
        && !exclude.contains { $0.matches(slot.name) }
    }
  }

  /// Whether the key `prefix` of `rename` is about `name`.
  private static func renames(_ prefix: String, _ name: String) -> Bool {
    name == prefix || (prefix.hasSuffix(".") && name.hasPrefix(prefix))
  }

  /// The file's name for ours; the longest key that fits wins.
  static func fileName(_ name: String, _ rename: [String: String]) -> String {
    let key = rename.keys.filter { renames($0, name) }.max { $0.utf8.count < $1.utf8.count }
    guard let key, let replacement = rename[key] else { return name }
    return replacement + name.dropFirst(key.count)
  }

  /// Finds every slot's tensor, or says all that is wrong at once.
  private static func match(
    _ slots: [ParameterSlot], in source: InitialSource, rename: [String: String]
  ) throws -> [Match] {
    var matches: [Match] = []
    var faults: [String] = []
    for slot in slots {
      let name = fileName(slot.name, rename)
      let spellings = try ForeignTensor.spellings(of: name).map { try source.find($0) }
      guard let tensor = spellings.lazy.compactMap({ $0 }).first else {
        faults.append(
          name == slot.name ? "\(name) is missing" : "\(name) (for \(slot.name)) is missing")
        continue
      }
      let expected = source.isOurs ? slot.shape : ForeignTensor(slot: slot).shape
      if tensor.shape != expected {
        faults.append("\(tensor.name) has shape \(tensor.shape), expected \(expected)")
      } else if FloatConversion(tensor.type) == nil {
        faults.append("\(tensor.name) is \(tensor.type.rawValue), expected F32, F16, BF16 or F64")
      } else {
        matches.append(Match(slot: slot, tensor: tensor))
      }
    }
    guard faults.isEmpty else {
      let shown = faults.prefix(20).joined(separator: "; ")
      let more = faults.count > 20 ? "; and \(faults.count - 20) more" : ""
      throw CheckpointError(
        .damaged,
        "\(source.path) does not fit this model: \(shown)\(more). Correct initialize.rename, or"
          + " leave parameters out with initialize.exclude")
    }
    return matches
  }

  /// Reads one tensor into its slot.
  private static func fill(
    _ store: ParameterStore, _ match: Match, path: String, isOurs: Bool
  ) throws {
    let slot = match.slot
    let values = HostBuffer<Float>(count: slot.count)
    try match.tensor.read(values.base)
    guard values.all.allSatisfy(\.isFinite) else {
      throw CheckpointError(
        .damaged, "\(path): tensor '\(match.tensor.name)' holds a NaN or an infinity")
    }
    if isOurs {
      (store.base + slot.offset).update(from: values.base, count: slot.count)
    } else {
      ForeignTensor(slot: slot).fill(store.base + slot.offset, from: values.base)
    }
  }
}
