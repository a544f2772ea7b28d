import Tensors

/// `layers(x) + shortcut(x)`; an empty shortcut is the identity.
final class ResidualLayer: Layer {
  let input: Value
  let output: Value
  private let body, shortcut: Chain
  private let countPerSample: Int
  private let inputCountPerSample: Int
  private var outputGradient = Place.slab(0)
  private var bodyGradient: Place?
  private var shortcutGradient: Place?
  private var copiesLentGradient = false

  /// A residual block of two chains with the same input and outputs of one shape.
  init(input: Value, output: Value, body: Chain, shortcut: Chain) {
    self.input = input
    self.output = output
    self.body = body
    self.shortcut = shortcut
    countPerSample = output.count
    inputCountPerSample = input.count
  }

  func forward(_ pass: Pass) {
    body.forward(pass)
    shortcut.forward(pass)
    Kernels.add(
      count: pass.samples * countPerSample, a: pass.floats(body.output.place),
      b: pass.floats(shortcut.output.place), output: pass.floats(output.place))
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    outputGradient = gradient.place
    // The body gets the gradient lent, because the shortcut needs it after.
    var fromBody = body.planBackward(gradient.lent, &slabs)
    if let lent = fromBody, !lent.owned {
      // Only views in the body: it handed the lent gradient on, and a sum needs memory of its own.
      copiesLentGradient = true
      fromBody = slabs.acquire(input.count)
    }
    let fromShortcut = shortcut.planBackward(gradient, &slabs)
    bodyGradient = fromBody?.place
    shortcutGradient = fromShortcut?.place
    if let fromShortcut { slabs.release(fromShortcut) }
    return fromBody
  }

  func backward(_ pass: Pass) {
    body.backward(pass)
    if copiesLentGradient, let bodyGradient {
      Kernels.copy(
        count: pass.samples * inputCountPerSample, source: pass.floats(outputGradient),
        destination: pass.floats(bodyGradient))
    }
    shortcut.backward(pass)
    guard let bodyGradient, let shortcutGradient else { return }
    Kernels.addInto(
      count: pass.samples * inputCountPerSample, source: pass.floats(shortcutGradient),
      destination: pass.floats(bodyGradient))
  }
}
