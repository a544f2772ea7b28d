import Tensors

/// The steps of several sequences one after the other, as one sequence.
final class StepJoinStage: FusionStage {
  private let inputs: [Input]
  private let reversed: [Input]
  private let output: Port
  private let axis: Int
  private let width: Int

  /// A sequence and where its steps begin.
  private final class Input {
    let port: Port
    let value: Value
    let axis: Int
    /// The sequences before it, whose steps come first.
    let before: [Int]
    var gradient: Place?

    init(_ port: Port, as value: Value, axis: Int, after before: [Int]) {
      self.port = port
      self.value = value
      self.axis = axis
      self.before = before
    }
  }

  /// Joins `inputs`, each a port and what it holds seen as steps, into `output`.
  init(_ inputs: [(port: Port, steps: Value)], to output: Port) {
    let axes = inputs.compactMap(\.steps.axis)
    guard axes.count == inputs.count, let axis = output.value.axis else {
      preconditionFailure("a sequence has an axis")
    }
    self.inputs = inputs.enumerated().map { index, input in
      Input(input.port, as: input.steps, axis: axes[index], after: Array(axes[..<index]))
    }
    reversed = self.inputs.reversed()
    self.output = output
    self.axis = axis
    width = output.value.unitCount
  }

  func forward(_ group: Group) {
    for pass in group.passes {
      let target = pass.floats(output.value.place)
      for input in inputs {
        let source = pass.floats(input.value.place)
        forEachSample(input, pass) { own, joined, count in
          (target + joined).update(from: source + own, count: count)
        }
      }
    }
  }

  func planBackward(_ slabs: inout SlabPlan) {
    guard let gradient = output.gradient else { return }
    for input in reversed where input.value.requiresGradient {
      let slice = slabs.acquire(input.value.count)
      input.gradient = slice.place
      input.port.plan(slice, &slabs)
    }
    slabs.release(gradient)
  }

  func backward(_ group: Group) {
    guard let sum = output.gradient?.place else { return }
    for input in reversed {
      guard let gradient = input.gradient else { continue }
      for pass in group.passes {
        let (source, target) = (pass.floats(sum), pass.floats(gradient))
        forEachSample(input, pass) { own, joined, count in
          (target + own).update(from: source + joined, count: count)
        }
      }
      input.port.add(gradient, group)
    }
  }

  /// Visits where the scalars of each sample lie in one input and in the whole.
  @inline(__always)
  private func forEachSample(
    _ input: Input, _ pass: Pass, _ body: (_ own: Int, _ joined: Int, _ count: Int) -> Void
  ) {
    let (own, joined) = (pass.offsets(input.axis), pass.offsets(axis))
    for sample in 0..<pass.samples where own[sample + 1] > own[sample] {
      var start = joined[sample]
      for other in input.before {
        let offsets = pass.offsets(other)
        start += offsets[sample + 1] - offsets[sample]
      }
      body(own[sample] * width, start * width, (own[sample + 1] - own[sample]) * width)
    }
  }
}
