import Tensors

/// The encoders' outputs side by side, one row a sample.
///
/// Where a sample lacks a modality its columns are zero, or a vector that is learned; then a further
/// column says 1 for modalities that are there and 0 for others, where asked.
final class JoinStage: FusionStage {
  private let inputs: [Input]
  private let reversed: [Input]
  private let output: Port
  private let width: Int

  /// A modality and its columns.
  final class Input {
    let port: Port
    /// The port's tensor with one unit for each sample that has the modality.
    let value: Value
    let column, width: Int
    /// Where the slot of its substitute begins; nil for zeros.
    let substitute: Int?
    /// The column of its flag; nil for none.
    let flag: Int?
    /// Whether the encoder writes the columns itself, and reads their gradient where the join has it.
    var isInPlace = false
    fileprivate var gradient: Place?

    /// Columns `column ..< column + width`.
    init(_ port: Port, as value: Value, column: Int, substitute: Int?, flag: Int?) {
      self.port = port
      self.value = value
      self.column = column
      width = value.unitCount
      self.substitute = substitute
      self.flag = flag
    }
  }

  /// Joins `inputs` into `output`.
  init(_ inputs: [Input], to output: Port) {
    self.inputs = inputs
    self.output = output
    reversed = inputs.reversed()
    width = output.value.unitCount
  }

  func forward(_ group: Group) {
    for pass in group.passes {
      for input in inputs { join(input, pass) }
    }
  }

  func planBackward(_ slabs: inout SlabPlan) {
    guard let gradient = output.gradient else { return }
    for input in reversed where input.value.requiresGradient && !input.isInPlace {
      let slice = slabs.acquire(input.value.count)
      input.gradient = slice.place
      input.port.plan(slice, &slabs)
    }
    // The first encoder is the last on the way back, and gives the memory back.
    var rest = gradient
    for input in inputs where input.isInPlace {
      input.port.plan(rest, &slabs)
      rest = gradient.lent
    }
    slabs.release(rest)
  }

  func backward(_ group: Group) {
    guard let sum = output.gradient?.place else { return }
    for input in reversed {
      for pass in group.passes {
        let source = UnsafePointer(pass.floats(sum)) + input.column
        if let gradient = input.gradient {
          split(input, pass, from: source, into: pass.floats(gradient))
        }
        if let slot = input.substitute { learn(input, slot, pass, from: source) }
      }
      input.port.add(input.gradient, group)
    }
  }

  /// Copies an encoder's outputs to its columns, unless they are there.
  private func join(_ input: Input, _ pass: Pass) {
    let source = UnsafePointer(pass.floats(input.value.place))
    let target = pass.floats(output.value.place) + input.column
    guard let axis = input.value.axis else {
      if !input.isInPlace {
        Kernels.copyColumns(
          rows: pass.samples, width: input.width, source: source, sourceStride: input.width,
          destination: target, destinationStride: width)
      }
      guard let flag = input.flag else { return }
      for sample in 0..<pass.samples { target[sample * width + flag - input.column] = 1 }
      return
    }
    let offsets = pass.offsets(axis)
    let substitute = input.substitute.map { pass.parameters + $0 }
    for sample in 0..<pass.samples {
      let row = target + sample * width
      let isPresent = offsets[sample + 1] > offsets[sample]
      if isPresent {
        row.update(from: source + offsets[sample] * input.width, count: input.width)
      } else if let substitute {
        row.update(from: substitute, count: input.width)
      } else {
        row.update(repeating: 0, count: input.width)
      }
      if let flag = input.flag { row[flag - input.column] = isPresent ? 1 : 0 }
    }
  }

  /// Copies an encoder's columns of the gradient to where its way back begins.
  private func split(
    _ input: Input, _ pass: Pass, from source: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    guard let axis = input.value.axis else {
      Kernels.copyColumns(
        rows: pass.samples, width: input.width, source: source, sourceStride: width,
        destination: target, destinationStride: input.width)
      return
    }
    let offsets = pass.offsets(axis)
    for sample in 0..<pass.samples where offsets[sample + 1] > offsets[sample] {
      (target + offsets[sample] * input.width)
        .update(from: source + sample * width, count: input.width)
    }
  }

  /// The gradient of a substitute: the sum over the samples where it stands.
  private func learn(
    _ input: Input, _ slot: Int, _ pass: Pass, from source: UnsafePointer<Float>
  ) {
    let gradient = pass.gradient(slot)
    gradient.update(repeating: 0, count: input.width)
    guard let axis = input.value.axis else { return }
    let offsets = pass.offsets(axis)
    for sample in 0..<pass.samples where offsets[sample + 1] == offsets[sample] {
      Kernels.addInto(
        count: input.width, source: source + sample * width, destination: gradient)
    }
  }
}
