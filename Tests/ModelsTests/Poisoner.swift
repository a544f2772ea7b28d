import Models

/// Overwrites what the forward pass is done with, segments among it, when the way back begins.
final class Poisoner: PassObserver {
  private let model: Model
  private(set) var isDone = false

  init(_ model: Model) { self.model = model }

  func forward(layer index: Int) {}
  func gradientsFinal(from offset: Int) {}
  func backward(layer index: Int) {
    guard !isDone else { return }
    model.poison(onlyReleased: true)
    isDone = true
  }
}
