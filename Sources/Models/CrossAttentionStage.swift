import Tensors

/// One sequence attends to another (MulT, Tsai and others 2019, section 3.1).
///
/// `softmax(Q_a K_bᵀ / √d) V_b W_o` with queries of the steps of a, keys and values of those of b, head by
/// head and without biases: where a sample has no step of b the result is exactly 0.
final class CrossAttentionStage: FusionStage {
  private let from, to, output: Port
  private let axes: (queries: Int, keys: Int)
  private let geometry: AttentionGeometry
  private let slots: Slots
  /// Queries, keys with values, and the heads' outputs.
  private let queries, keyValues, mixed: Region
  private let rows: (queries: Extent, keys: Extent)
  private let widths: (queries: Int, keys: Int)
  private var mixedGradient = Place.slab(0)
  private var queryGradient = Place.slab(0)
  private var keyGradient = Place.slab(0)
  private var fromGradient: Place?
  private var toGradient: Place?

  /// Where the parameters begin: `[C, C]`, `[2C, C_b]` and `[C, C]`, with C the width of a.
  struct Slots {
    let query, keyValue, output: Int
  }

  /// Memory of a pass.
  struct Memory {
    let queries, keyValues, mixed: Region
  }

  /// The steps of `from` attend to those of `to`.
  init(
    from: Port, as query: Value, to: Port, as key: Value, output: Port,
    geometry: AttentionGeometry, slots: Slots, memory: Memory
  ) {
    self.from = from
    self.to = to
    self.output = output
    self.geometry = geometry
    self.slots = slots
    (queries, keyValues, mixed) = (memory.queries, memory.keyValues, memory.mixed)
    guard let own = query.axis, let other = key.axis else {
      preconditionFailure("a sequence has an axis")
    }
    axes = (own, other)
    rows = (query.units, key.units)
    widths = (query.channels, key.channels)
  }

  func forward(_ group: Group) {
    for pass in group.passes { forward(pass) }
  }

  private func forward(_ pass: Pass) {
    let (own, other) = (pass.count(rows.queries), pass.count(rows.keys))
    Kernels.linearForward(
      precision: geometry.precision, samples: own, inputs: widths.queries, outputs: widths.queries,
      x: pass.floats(from.value.place), weight: pass.parameters + slots.query, bias: nil,
      y: pass.floats(queries))
    Kernels.linearForward(
      precision: geometry.precision, samples: other, inputs: widths.keys,
      outputs: 2 * widths.queries,
      x: pass.floats(to.value.place), weight: pass.parameters + slots.keyValue, bias: nil,
      y: pass.floats(keyValues))
    Kernels.attentionForward(
      geometry, samples: pass.samples, heads(pass), dropout: nil, output: pass.floats(mixed),
      outputStride: widths.queries, scratch: pass.scratch)
    Kernels.linearForward(
      precision: geometry.precision, samples: own, inputs: widths.queries, outputs: widths.queries,
      x: pass.floats(mixed),
      weight: pass.parameters + slots.output, bias: nil, y: pass.floats(output.value.place))
  }

  func planBackward(_ slabs: inout SlabPlan) {
    guard let gradient = output.gradient else { return }
    let query = slabs.acquire(from.value.count)
    let key = slabs.acquire(2 * widths.queries * to.value.count / widths.keys)
    let mixed = slabs.acquire(from.value.count)
    (queryGradient, keyGradient, mixedGradient) = (query.place, key.place, mixed.place)
    slabs.release(mixed)
    slabs.release(gradient)
    if to.value.requiresGradient {
      let result = slabs.acquire(to.value.count)
      toGradient = result.place
      to.plan(result, &slabs)
    }
    if from.value.requiresGradient {
      let result = slabs.acquire(from.value.count)
      fromGradient = result.place
      from.plan(result, &slabs)
    }
    slabs.release(query)
    slabs.release(key)
  }

  func backward(_ group: Group) {
    guard let sum = output.gradient?.place else { return }
    for pass in group.passes { differentiate(pass, pass.floats(sum)) }
    if let toGradient {
      for pass in group.passes {
        Kernels.linearInputGradient(
          precision: geometry.precision, samples: pass.count(rows.keys), inputs: widths.keys,
          outputs: 2 * widths.queries,
          dy: pass.floats(keyGradient), weight: pass.parameters + slots.keyValue,
          dx: pass.floats(toGradient))
      }
      to.add(toGradient, group)
    }
    if let fromGradient {
      for pass in group.passes {
        Kernels.linearInputGradient(
          precision: geometry.precision, samples: pass.count(rows.queries), inputs: widths.queries,
          outputs: widths.queries,
          dy: pass.floats(queryGradient), weight: pass.parameters + slots.query,
          dx: pass.floats(fromGradient))
      }
      from.add(fromGradient, group)
    }
  }

  private func differentiate(_ pass: Pass, _ dy: UnsafePointer<Float>) {
    let (own, other, width) = (pass.count(rows.queries), pass.count(rows.keys), widths.queries)
    Kernels.linearWeightGradient(
      precision: geometry.precision, samples: own, inputs: width, outputs: width,
      x: pass.floats(mixed), dy: dy,
      weightGradient: pass.gradient(slots.output), biasGradient: nil)
    Kernels.linearInputGradient(
      precision: geometry.precision, samples: own, inputs: width, outputs: width, dy: dy,
      weight: pass.parameters + slots.output, dx: pass.floats(mixedGradient))
    let keys = pass.floats(keyGradient)
    Kernels.attentionBackward(
      geometry, samples: pass.samples, heads(pass), dropout: nil,
      outputGradient: pass.floats(mixedGradient), outputStride: width,
      gradients: AttentionGradients(
        queries: pass.floats(queryGradient), keys: keys, values: keys + width),
      scratch: pass.scratch)
    Kernels.linearWeightGradient(
      precision: geometry.precision, samples: other, inputs: widths.keys, outputs: 2 * width,
      x: pass.floats(to.value.place),
      dy: keys, weightGradient: pass.gradient(slots.keyValue), biasGradient: nil)
    Kernels.linearWeightGradient(
      precision: geometry.precision, samples: own, inputs: width, outputs: width,
      x: pass.floats(from.value.place),
      dy: pass.floats(queryGradient), weightGradient: pass.gradient(slots.query),
      biasGradient: nil)
  }

  private func heads(_ pass: Pass) -> AttentionInput {
    let width = widths.queries
    let keys = UnsafePointer(pass.floats(keyValues))
    return AttentionInput(
      queries: pass.floats(queries), queryStride: width, queryOffsets: pass.offsets(axes.queries),
      keys: keys, values: keys + width, keyStride: 2 * width, keyOffsets: pass.offsets(axes.keys))
  }
}

/// The mean over the steps of the sum of sequences on one axis; zeros for a sequence without steps.
final class StepMeanStage: FusionStage {
  private let inputs: [Port]
  private let output: Port
  private let axis: Int
  private let base: Int?
  private let width: Int
  private var gradients: [Place?] = []

  /// The mean over `axis`, one row for each sample of `base`.
  init(_ inputs: [Port], to output: Port, axis: Int, base: Int?) {
    self.inputs = inputs
    self.output = output
    self.axis = axis
    self.base = base
    width = output.value.unitCount
  }

  func forward(_ group: Group) {
    for pass in group.passes {
      forEachSample(pass) { row, steps in
        let z = pass.floats(output.value.place) + row * width
        z.update(repeating: 0, count: width)
        for input in inputs {
          let x = UnsafePointer(pass.floats(input.value.place))
          for step in steps {
            Kernels.addInto(count: width, source: x + step * width, destination: z)
          }
        }
        let factor = 1 / Float(max(1, steps.count))
        for place in 0..<width { z[place] *= factor }
      }
    }
  }

  func planBackward(_ slabs: inout SlabPlan) {
    guard let gradient = output.gradient else { return }
    for input in inputs.reversed() where input.value.requiresGradient {
      let slice = slabs.acquire(input.value.count)
      gradients.append(slice.place)
      input.plan(slice, &slabs)
    }
    slabs.release(gradient)
  }

  func backward(_ group: Group) {
    guard let sum = output.gradient?.place else { return }
    var place = 0
    for input in inputs.reversed() where input.value.requiresGradient {
      guard let gradient = gradients[place] else { continue }
      for pass in group.passes { spread(pass, pass.floats(sum), pass.floats(gradient)) }
      input.add(gradient, group)
      place += 1
    }
  }

  private func spread(_ pass: Pass, _ dz: UnsafePointer<Float>, _ dx: Floats) {
    forEachSample(pass) { row, steps in
      guard let first = steps.first else { return }
      let factor = 1 / Float(steps.count)
      let mean = dx + first * width
      for place in 0..<width { mean[place] = factor * dz[row * width + place] }
      for step in steps.dropFirst() { (dx + step * width).update(from: mean, count: width) }
    }
  }

  /// Visits the samples that have the sequence: their row, and their steps.
  private func forEachSample(_ pass: Pass, _ visit: (Int, Range<Int>) -> Void) {
    let offsets = pass.offsets(axis)
    let rows = base.map(pass.offsets)
    for sample in 0..<pass.samples {
      if let rows, rows[sample + 1] == rows[sample] { continue }
      visit(rows.map { $0[sample] } ?? sample, offsets[sample]..<offsets[sample + 1])
    }
  }
}
