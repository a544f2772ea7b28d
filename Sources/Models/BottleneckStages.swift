import Tensors

/// The same learned tokens for every sample.
final class TokenStage: FusionStage {
  private let output: Port
  private let slot: Int
  private let width: Int

  /// Copies of the tokens that begin at `slot`.
  init(slot: Int, to output: Port) {
    self.slot = slot
    self.output = output
    width = output.value.unitCount
  }

  func forward(_ group: Group) {
    for pass in group.passes {
      for sample in 0..<pass.samples {
        (pass.floats(output.value.place) + sample * width)
          .update(from: pass.parameters + slot, count: width)
      }
    }
  }

  func planBackward(_ slabs: inout SlabPlan) {
    if let gradient = output.gradient { slabs.release(gradient) }
  }

  func backward(_ group: Group) {
    guard let sum = output.gradient?.place else { return }
    for pass in group.passes {
      let (source, target) = (UnsafePointer(pass.floats(sum)), pass.gradient(slot))
      target.update(repeating: 0, count: width)
      for sample in 0..<pass.samples {
        Kernels.addInto(count: width, source: source + sample * width, destination: target)
      }
    }
  }
}

/// The steps of a modality with the shared tokens behind them, for each sample that has the modality.
final class AppendStage: FusionStage {
  private let steps, tokens, output: Port
  /// Where the steps begin: on their own axis, or on one that has room for tokens behind them.
  private let source: Int
  private let target: Int
  private let count: Int
  private let width: Int
  private var stepGradient: Place?
  private var tokenGradient: Place?

  /// Puts `count` tokens behind the steps.
  init(_ steps: Port, axis source: Int, tokens: Port, count: Int, to output: Port) {
    self.steps = steps
    self.tokens = tokens
    self.output = output
    self.source = source
    self.count = count
    guard let axis = output.value.axis else { preconditionFailure("a sequence has an axis") }
    target = axis
    width = output.value.unitCount
  }

  func forward(_ group: Group) {
    for pass in group.passes {
      let x = UnsafePointer(pass.floats(steps.value.place))
      let f = UnsafePointer(pass.floats(tokens.value.place))
      let y = pass.floats(output.value.place)
      let (from, to) = (pass.offsets(source), pass.offsets(target))
      for sample in 0..<pass.samples where to[sample + 1] > to[sample] {
        let own = (to[sample + 1] - to[sample] - count) * width
        let row = y + to[sample] * width
        row.update(from: x + from[sample] * width, count: own)
        (row + own).update(from: f + sample * count * width, count: count * width)
      }
    }
  }

  func planBackward(_ slabs: inout SlabPlan) {
    guard let gradient = output.gradient else { return }
    if steps.value.requiresGradient {
      let slice = slabs.acquire(steps.value.count)
      stepGradient = slice.place
      steps.plan(slice, &slabs)
    }
    let slice = slabs.acquire(tokens.value.count)
    tokenGradient = slice.place
    tokens.plan(slice, &slabs)
    slabs.release(gradient)
  }

  func backward(_ group: Group) {
    guard let sum = output.gradient?.place else { return }
    if let stepGradient {
      for pass in group.passes { splitSteps(pass, pass.floats(sum), pass.floats(stepGradient)) }
      steps.add(stepGradient, group)
    }
    guard let tokenGradient else { return }
    for pass in group.passes { splitTokens(pass, pass.floats(sum), pass.floats(tokenGradient)) }
    tokens.add(tokenGradient, group)
  }

  /// The gradient of the steps; of tokens that are replaced it is zero.
  private func splitSteps(_ pass: Pass, _ dy: UnsafePointer<Float>, _ dx: Floats) {
    let (from, to) = (pass.offsets(source), pass.offsets(target))
    for sample in 0..<pass.samples where to[sample + 1] > to[sample] {
      let own = to[sample + 1] - to[sample] - count
      let row = dx + from[sample] * width
      row.update(from: dy + to[sample] * width, count: own * width)
      let rest = from[sample + 1] - from[sample] - own
      (row + own * width).update(repeating: 0, count: rest * width)
    }
  }

  private func splitTokens(_ pass: Pass, _ dy: UnsafePointer<Float>, _ df: Floats) {
    let to = pass.offsets(target)
    for sample in 0..<pass.samples {
      let row = df + sample * count * width
      if to[sample + 1] > to[sample] {
        row.update(from: dy + (to[sample + 1] - count) * width, count: count * width)
      } else {
        row.update(repeating: 0, count: count * width)
      }
    }
  }
}

/// The mean of the tokens behind the steps, over the modalities that a sample has; where it has none the
/// tokens stay as they were.
final class TokenMeanStage: FusionStage {
  private let inputs: [Port]
  private let before, output: Port
  /// Scalars of the tokens of a sample.
  private let size: Int
  private let width: Int
  /// Whether there can be a sample without any modality.
  private let carries: Bool
  private var gradients: [Place] = []
  private var beforeGradient: Place?

  /// The mean of the last rows of `inputs`.
  init(_ inputs: [Port], before: Port, carries: Bool, to output: Port) {
    self.inputs = inputs
    self.before = before
    self.output = output
    self.carries = carries
    size = output.value.unitCount
    width = inputs[0].value.unitCount
  }

  func forward(_ group: Group) {
    for pass in group.passes {
      for sample in 0..<pass.samples {
        let z = pass.floats(output.value.place) + sample * size
        let factor = factor(sample, pass)
        guard factor > 0 else {
          z.update(from: pass.floats(before.value.place) + sample * size, count: size)
          continue
        }
        z.update(repeating: 0, count: size)
        for input in inputs {
          guard let end = end(input, sample, pass) else { continue }
          Kernels.addInto(
            count: size, source: pass.floats(input.value.place) + end * width - size,
            destination: z)
        }
        for place in 0..<size { z[place] *= factor }
      }
    }
  }

  func planBackward(_ slabs: inout SlabPlan) {
    guard let gradient = output.gradient else { return }
    for input in inputs.reversed() {
      let slice = slabs.acquire(input.value.count)
      gradients.append(slice.place)
      input.plan(slice, &slabs)
    }
    if carries {
      let slice = slabs.acquire(before.value.count)
      beforeGradient = slice.place
      before.plan(slice, &slabs)
    }
    slabs.release(gradient)
  }

  func backward(_ group: Group) {
    guard let sum = output.gradient?.place else { return }
    for (index, gradient) in gradients.enumerated() {
      let input = inputs[inputs.count - 1 - index]
      for pass in group.passes { spread(input, pass, pass.floats(sum), pass.floats(gradient)) }
      input.add(gradient, group)
    }
    guard let beforeGradient else { return }
    for pass in group.passes {
      for sample in 0..<pass.samples {
        let row = pass.floats(beforeGradient) + sample * size
        if factor(sample, pass) > 0 {
          row.update(repeating: 0, count: size)
        } else {
          row.update(from: pass.floats(sum) + sample * size, count: size)
        }
      }
    }
    before.add(beforeGradient, group)
  }

  private func spread(_ input: Port, _ pass: Pass, _ dz: UnsafePointer<Float>, _ dx: Floats) {
    dx.update(repeating: 0, count: pass.count(input.value.scalars))
    for sample in 0..<pass.samples {
      guard let end = end(input, sample, pass) else { continue }
      let (row, factor) = (dx + end * width - size, factor(sample, pass))
      for place in 0..<size { row[place] = factor * dz[sample * size + place] }
    }
  }

  /// Behind the last row of a sample; nil where it has none.
  private func end(_ input: Port, _ sample: Int, _ pass: Pass) -> Int? {
    guard let axis = input.value.axis else { return nil }
    let offsets = pass.offsets(axis)
    return offsets[sample + 1] > offsets[sample] ? offsets[sample + 1] : nil
  }

  /// 1 / the modalities that a sample has; 0 where it has none.
  private func factor(_ sample: Int, _ pass: Pass) -> Float {
    var count = 0
    for input in inputs where end(input, sample, pass) != nil { count += 1 }
    return count == 0 ? 0 : 1 / Float(count)
  }
}
