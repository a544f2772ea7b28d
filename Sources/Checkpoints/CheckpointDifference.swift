import Buffers

/// In what two checkpoints differ: which counters, and of each array how many scalars and where first.
public struct CheckpointDifference: Sendable, Equatable {
  /// One array's differences.
  public struct Array: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// What stands in place of a comparison: held by one of both only, or of another length.
    public let problem: String?
    /// Scalars whose bits differ.
    public let count: Int
    /// Scalars compared.
    public let length: Int
    /// The place of the first that differs: the tensor where known, and the index in it.
    public let first: String?
    /// The two values there.
    public let values: [Float]
    /// The largest difference of two finite values.
    public let largest: Float
  }

  /// Counters that differ, as `key: first, second`.
  public let keys: [String]
  /// Arrays that differ.
  public let arrays: [Array]

  /// Whether nothing differs.
  public var isEmpty: Bool { keys.isEmpty && arrays.isEmpty }

  /// Compares two checkpoints.
  ///
  /// - Throws: `CheckpointError` where a shard cannot be read.
  /// - Cost: one pass over both, in pieces of 4 MiB.
  public init(_ first: Checkpoint, _ second: Checkpoint) throws {
    keys = Self.keys(first.manifest, second.manifest)
    let names = Set(first.manifest.arrayNames).union(second.manifest.arrayNames).sorted()
    arrays = try names.compactMap { name in
      guard first.holds(name), second.holds(name) else {
        return Self.problem(name, "only the \(first.holds(name) ? "first" : "second") holds it")
      }
      let lengths = [first, second].map { $0.manifest.length(of: name) }
      guard lengths[0] == lengths[1] else {
        return Self.problem(name, "it has \(lengths[0]) scalars and \(lengths[1])")
      }
      let found = try Self.compare(first, second, name, length: lengths[0])
      return found.count > 0 ? found : nil
    }
  }

  private static func problem(_ name: String, _ text: String) -> Array {
    Array(name: name, problem: text, count: 0, length: 0, first: nil, values: [], largest: 0)
  }

  private static func keys(_ one: CheckpointManifest, _ other: CheckpointManifest) -> [String] {
    var keys: [String] = []
    func note(_ name: String, _ first: some Equatable, _ second: some Equatable) {
      if "\(first)" != "\(second)" { keys.append("\(name): \(first), \(second)") }
    }
    note("step", one.step, other.step)
    note("stepsTaken", one.state.stepsTaken, other.state.stepsTaken)
    note("skippedSteps", one.state.skippedSteps, other.state.skippedSteps)
    note("position", one.position, other.position)
    note("configurationIdentity", one.configurationIdentity, other.configurationIdentity)
    note("datasetDigest", one.datasetDigest, other.datasetDigest)
    note("kernels", one.kernels, other.kernels)
    note("coreType", one.coreType, other.coreType)
    return keys
  }

  private static func compare(
    _ one: Checkpoint, _ other: Checkpoint, _ name: String, length: Int
  ) throws -> Array {
    let left = HostBuffer<Float>(count: 1 << 20)
    let right = HostBuffer<Float>(count: 1 << 20)
    var (count, largest) = (0, Float(0))
    var first: (place: Int, values: [Float])?
    var start = 0
    while start < length {
      let end = min(start + left.count, length)
      try one.read(name, start..<end, into: left.base)
      try other.read(name, start..<end, into: right.base)
      for index in 0..<end - start
      where left.base[index].bitPattern != right.base[index].bitPattern {
        let values = (left.base[index], right.base[index])
        if first == nil { first = (start + index, [values.0, values.1]) }
        count += 1
        let distance = abs(values.0 - values.1)
        if distance.isFinite { largest = max(largest, distance) }
      }
      start = end
    }
    return Array(
      name: name, problem: nil, count: count, length: length,
      first: first.map { one.manifest.place($0.place, of: name) }, values: first?.values ?? [],
      largest: largest)
  }
}

extension CheckpointManifest {
  /// The place of a scalar, by its tensor where the array follows the canonical order.
  func place(_ scalar: Int, of array: String) -> String {
    guard lengths?[array] == nil,
      let tensor = tensors?.last(where: { $0.start <= scalar && $0.range?.contains(scalar) == true }
      )
    else { return "\(scalar)" }
    return "\(tensor.name)[\(scalar - tensor.start)]"
  }
}
