import Tensors

/// `layers(x) + shortcut(x)`; an empty shortcut is the identity.
///
/// A following `relu` is applied in the same sweep, and so is a batch norm that ends the body. On the way
/// back the sum of the input's gradients goes through the relu before the block in the same sweep.
final class ResidualLayer: Layer {
  let input: Value
  let output: Value
  var readsOutput: Bool { relu != nil }
  /// A body that gives its output again writes over the sum.
  var tape: Tape { isInPlace && body.givesOutputAnyway ? .withOutput : .apart }
  private let body, shortcut: Chain
  private var isInPlace: Bool { output.place == body.output.place }
  private let index: Int
  private let scalars, inputScalars: Extent
  private var outputGradient = Place.slab(0)
  private var bodyGradient: Place?
  private var shortcutGradient: Place?
  private var copiesLentGradient = false
  /// The batch norm that ends the body and leaves its last sweep to the sum.
  private let norm: BatchNormLayer?
  private let relu, inputRelu: Rectifier?
  /// Where the gradient arrives that ``outputGradient`` is made of, behind the relu.
  private var arriving = Place.slab(0)

  /// A residual block of two chains with the same input and outputs of one shape.
  ///
  /// `index` is its place among the model's summaries, `norm` ends the body, `relu` follows and `inputRelu`
  /// lies before.
  init(
    input: Value, output: Value, body: Chain, shortcut: Chain, index: Int, norm: BatchNormLayer?,
    relu: Rectifier?, inputRelu: Rectifier?
  ) {
    self.input = input
    self.output = output
    self.body = body
    self.shortcut = shortcut
    self.index = index
    scalars = output.scalars
    inputScalars = input.scalars
    (self.relu, self.inputRelu) = (relu, inputRelu)
    self.norm = norm
    norm?.isJoined = true
  }

  func forward(_ group: Group) {
    body.forward(group)
    shortcut.forward(group)
    group.observer?.forward(layer: index)
    for pass in group.passes { join(pass) }
  }

  func forwardAgain(_ group: Group, needsOutput: Bool) {
    let joins = needsOutput || tape == .withOutput
    body.forwardAgain(group, needsOutput: joins || body.readsOutput)
    shortcut.forwardAgain(group, needsOutput: joins || shortcut.readsOutput)
    guard joins else { return }
    group.observer?.forward(layer: index)
    for pass in group.passes { join(pass) }
  }

  /// Adds the two up.
  private func join(_ pass: Pass) {
    let count = pass.count(scalars)
    let side = UnsafePointer(pass.floats(shortcut.output.place))
    let (main, output) = (pass.floats(body.output.place), pass.floats(output.place))
    if let norm {
      norm.apply(pass, adding: side, relu: relu != nil)
    } else if relu != nil {
      Kernels.addRelu(count: count, a: main, b: side, output: output)
    } else {
      Kernels.add(count: count, a: main, b: side, output: output)
    }
  }

  func planBackward(_ arrived: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    arriving = arrived.place
    let isTurned = relu.map(\.isTurnedByReader) ?? true
    let gradient = isTurned || arrived.owned ? arrived : slabs.acquire(output.count)
    outputGradient = gradient.place
    // The shortcut's slots lie behind the body's, so it goes first, and gets the gradient lent
    // because the body needs it after.
    let fromShortcut = shortcut.planBackward(gradient.lent, &slabs)
    // Only views in the shortcut: its share is the gradient itself, kept until the sum.
    let isKept = fromShortcut.map { !$0.owned } ?? false
    var fromBody = body.planBackward(isKept ? gradient.lent : gradient, &slabs)
    if let lent = fromBody, !lent.owned {
      // Only views in the body: it handed the lent gradient on, and a sum needs memory of its own.
      copiesLentGradient = true
      fromBody = slabs.acquire(input.count)
    }
    bodyGradient = fromBody?.place
    shortcutGradient = fromShortcut?.place
    if let fromShortcut { slabs.release(isKept ? gradient : fromShortcut) }
    inputRelu?.isTurnedByReader = fromBody != nil && fromShortcut != nil
    return fromBody
  }

  func backward(_ group: Group) {
    turnBack(group)
    shortcut.backward(group)
    body.backward(group)
    guard let bodyGradient, let shortcutGradient else { return }
    group.observer?.backward(layer: index)
    for pass in group.passes {
      let count = pass.count(inputScalars)
      if copiesLentGradient {
        Kernels.copy(
          count: count, source: pass.floats(outputGradient),
          destination: pass.floats(bodyGradient))
      }
      add(pass, count, pass.floats(shortcutGradient), to: pass.floats(bodyGradient))
    }
  }

  /// Takes the gradient back through the relu behind the sum, unless its reader has.
  private func turnBack(_ group: Group) {
    guard let relu, !relu.isTurnedByReader else { return }
    group.observer?.backward(layer: index)
    for pass in group.passes {
      let output = pass.floats(output.place)
      Kernels.activateGradient(
        .relu, count: pass.count(scalars), input: output, output: output,
        outputGradient: pass.floats(arriving), inputGradient: pass.floats(outputGradient))
    }
  }

  private func add(
    _ pass: Pass, _ count: Int, _ source: UnsafePointer<Float>,
    to sum: UnsafeMutablePointer<Float>
  ) {
    guard inputRelu != nil else {
      return Kernels.addInto(count: count, source: source, destination: sum)
    }
    Kernels.addThroughRelu(
      count: count, source: source, output: pass.floats(input.place), destination: sum)
  }
}
