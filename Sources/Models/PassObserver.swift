/// Who is told how far a training pass has come.
///
/// Called on the thread that computes, between two layers: an implementation must be quick and must
/// not allocate. `index` is a place in ``Model/layers``. All work from one call to the next belongs
/// to the layer named by the first; a composite is named again when it goes on with work of its own,
/// and a loss is work of its head's last layer.
public protocol PassObserver: AnyObject {
  /// The forward pass enters layer `index`.
  func forward(layer index: Int)
  /// The backward pass enters layer `index`.
  func backward(layer index: Int)
  /// Every gradient at canonical places `offset...` of this pass is final, and the pass reads no
  /// parameter there any more.
  ///
  /// Offsets fall from call to call; the last call of a pass, and no other, says 0.
  func gradientsFinal(from offset: Int)
}
