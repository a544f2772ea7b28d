import Configuration
import Parameters
import Tensors

extension Model {
  /// What hints are about, in the order in which they were asked for; rows are those of a sample.
  public var hints: [(request: HintRequest, rowsPerSample: Int)] {
    hintBranches.map { ($0.request, $0.rowsPerSample) }
  }

  /// Tells what hints say, from the next training pass on.
  ///
  /// - Parameter targets: one for each of ``hints``.
  public func learn(hints targets: [HintTargets]) {
    precondition(targets.count == hintBranches.count && mixing == nil, "hints of another model")
    for (branch, target) in zip(hintBranches, targets) { branch.targets = target }
  }

  /// Whose loss one of ``losses`` is, for a person.
  ///
  /// - Parameter place: a place in ``losses``.
  /// - Returns: `head NAME` or `the hint of PATH`.
  public func lossName(at place: Int) -> String {
    let hint = place - 2 * heads.count
    return hint >= 0
      ? "the hint of \(hintBranches[hint].request.layer)"
      : "head \(heads[place % heads.count].name)"
  }

  /// The layers whose outputs can be read, in the order in which they were asked for.
  public var readLayers: [ReadLayer] {
    readPoints.map { point in
      ReadLayer(
        path: point.path, rowsPerSample: point.input.axis == nil ? point.input.positions : nil,
        channels: point.input.channels)
    }
  }

  /// The output of a read layer in the last pass.
  ///
  /// - Parameters:
  ///   - place: a place in ``readLayers``.
  ///   - samples: the samples of that pass.
  /// - Returns: `[rows, C]`; valid until the next pass.
  public func output(ofReadLayer place: Int, samples: Int) -> UnsafeBufferPointer<Float> {
    let value = readPoints[place].input
    let units = lanes[0].offsets.units(value.axis, samples: samples)
    let base: UnsafePointer<Float>
    switch value.place {
    case .field(let field):
      base = UnsafePointer(lanes[0].fieldBases[field].assumingMemoryBound(to: Float.self))
    case .region(let region): base = UnsafePointer(lanes[0].arena.floats(region))
    case .slab: preconditionFailure("the output of a layer lies in no slab")
    }
    return UnsafeBufferPointer(start: base, count: units * value.unitCount)
  }
}

extension Compiler {
  /// Stands behind the layer at `path` if somebody reads it there.
  mutating func readPoint(_ path: String, _ value: Value) -> ReadPoint? {
    guard readPaths.contains(path) else { return nil }
    let point = ReadPoint(path: path, value.shared)
    if case .region(let region) = value.place { pinned.insert(region) }
    foundPoints[path] = point
    return point
  }

  /// The points at which layers are read, in the order of `paths`.
  func points(_ paths: [String], named key: String = "") throws -> [ReadPoint] {
    try paths.map { path in
      guard let point = foundPoints[path] else {
        let known = summaries.map(\.path).filter { !$0.hasPrefix(ParameterSlot.hintPrefix) }
        throw ModelError(
          .structure, key + path,
          "there is no layer of this path; layers of this network: \(known.joined(separator: ", "))"
        )
      }
      guard point.input.element == .float else {
        throw ModelError(.element, key + path, "expected a layer of values, found ids")
      }
      return point
    }
  }

  /// Compiles hints; their regressors come behind all other slots, so that the network's own lie as without.
  mutating func hints(_ requests: [HintRequest]) throws -> [HintBranch] {
    let key = "distillation.hints: "
    let points = try points(requests.map(\.layer), named: key)
    return try zip(requests, points).map { request, point in
      let (path, value) = (request.layer, point.input)
      guard value.requiresGradient else {
        throw ModelError(
          .structure, key + path,
          "nothing before this layer can learn from a hint; name a later one")
      }
      guard value.axis == nil else {
        throw ModelError(
          .structure, key + path,
          "expected a layer with as many places for every sample, found one whose samples differ in length or may "
            + "be missing; name a layer behind a pool")
      }
      let (bytes, scalars) = (plan.byteCount, layout.count)
      _ = try product([request.channels, value.channels], path)
      let slot = layout.reserve(
        "\(ParameterSlot.hintPrefix)\(path).weight", [request.channels, value.channels],
        initializer: .uniform(bound: Float(1 / Double(value.channels).squareRoot())))
      let count = try product([value.positions, request.channels, capacity], path)
      let branch = HintBranch(
        request, point, index: summaries.count, weight: slot.offset, errors: plan.reserve(count),
        precision: precision)
      summaries.append(
        LayerSummary(
          path: "\(ParameterSlot.hintPrefix)\(path)", kind: "linear",
          outputShape: value.shape.dropLast() + [request.channels],
          inputCount: value.count, outputCount: value.positions * request.channels,
          returnsGradient: value.requiresGradient,
          parameterCount: layout.count - scalars,
          multiplyAddsPerSample: value.unitCount * request.channels,
          arenaBytes: plan.byteCount - bytes))
      return branch
    }
  }
}
