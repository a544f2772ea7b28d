import Tensors

/// `layers(x) + shortcut(x)`; an empty shortcut is the identity.
final class ResidualLayer: Layer {
  let input: Value
  let output: Value
  private let body, shortcut: Chain
  private let index: Int
  private let scalars, inputScalars: Extent
  private var outputGradient = Place.slab(0)
  private var bodyGradient: Place?
  private var shortcutGradient: Place?
  private var copiesLentGradient = false

  /// A residual block of two chains with the same input and outputs of one shape.
  ///
  /// `index` is its place among the model's summaries.
  init(input: Value, output: Value, body: Chain, shortcut: Chain, index: Int) {
    self.input = input
    self.output = output
    self.body = body
    self.shortcut = shortcut
    self.index = index
    scalars = output.scalars
    inputScalars = input.scalars
  }

  func forward(_ group: Group) {
    body.forward(group)
    shortcut.forward(group)
    group.observer?.forward(layer: index)
    for pass in group.passes {
      Kernels.add(
        count: pass.count(scalars), a: pass.floats(body.output.place),
        b: pass.floats(shortcut.output.place), output: pass.floats(output.place))
    }
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
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
    return fromBody
  }

  func backward(_ group: Group) {
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
      Kernels.addInto(
        count: count, source: pass.floats(shortcutGradient),
        destination: pass.floats(bodyGradient))
    }
  }
}
