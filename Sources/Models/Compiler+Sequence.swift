import Configuration
import Tensors

extension Compiler {
  /// The tensor as steps `[C]` of a sequence.
  ///
  /// `[T, C]` and `[T]` with one unit a sample become T steps of `[C]` and `[1]`: the same memory, seen
  /// otherwise.
  ///
  /// - Parameters:
  ///   - value: what arrives.
  ///   - kind: the layer that wants it, for the message.
  ///   - path: where that layer stands.
  /// - Returns: steps on an axis.
  /// - Throws: ``ModelError`` for anything but a sequence.
  mutating func sequence(_ value: Value, _ kind: String, _ path: String) throws -> Value {
    var steps = value
    if value.isSequence, value.shape.count <= 1 {
      if value.shape.isEmpty { steps.shape = [1] }
      return steps
    }
    forgetChannels(of: &steps, isPositions: value.shape.count == 1, path)
    guard !value.isSequence, value.shape.count == 1 || value.shape.count == 2 else {
      throw ModelError(
        .shape, path,
        "\(kind) expected a sequence [T, C], found \(described(value)); "
          + (value.shape.count == 3
            ? "put toSequence before it" : "flatten the steps, or use a field of sequences"))
    }
    steps.shape = Array(value.shape.dropFirst())
    if steps.shape.isEmpty, value.element == .float { steps.shape = [1] }
    let count = value.shape[0]
    setAxis(
      of: &steps,
      Axis(
        rule: .repeated(parent: value.axis, count: count), most: count * value.mostUnits,
        isSequence: true, base: value.axis))
    return steps
  }

  /// The tensor with one unit a sample, where all samples have the same number of steps; else as it is.
  func whole(_ value: Value) -> Value {
    guard value.isSequence, let axis = value.axis,
      case .repeated(let parent, let count) = axes.axes[axis].rule
    else { return value }
    var whole = value
    whole.shape = [count] + value.shape
    whole.axis = parent
    whole.mostUnits = parent.map { axes.axes[$0].most } ?? 1
    whole.isSequence = parent.map { axes.axes[$0].isSequence } ?? false
    return whole
  }

  /// Puts `value` on an axis.
  mutating func setAxis(of value: inout Value, _ axis: Axis) {
    value.axis = axes.index(axis)
    value.mostUnits = axis.most
    value.isSequence = axis.isSequence
  }

  /// Puts `value` on what a sliding window leaves of its steps.
  ///
  /// - Throws: ``ModelError`` where not even the longest sample has room for the window.
  mutating func slide(
    _ value: inout Value, _ window: Axis.Window, _ kind: String, _ path: String
  ) throws {
    guard let parent = value.axis, !window.keepsLength else { return }
    let most = window.outputs(value.mostUnits)
    guard most > 0 else {
      throw ModelError(
        .shape, path,
        "\(kind) expected a sequence at least as long as its window, found a window of "
          + "\(window.dilation * (window.size - 1) + 1) over at most \(value.mostUnits) steps; "
          + "use a smaller window or fewer poolings")
    }
    // Steps that are the same for all samples stay so.
    var rule = Axis.Rule.window(parent: parent, window)
    if case .repeated(let parent, let count) = axes.axes[parent].rule {
      rule = .repeated(parent: parent, count: window.outputs(count))
    }
    setAxis(
      of: &value,
      Axis(
        rule: rule, most: most, isSequence: true,
        base: axes.axes[parent].base))
  }

  /// The shape of `value` for messages: `[T, 40]` where samples differ in length.
  func described(_ value: Value) -> String {
    guard value.isSequence else { return "\(value.shape)" }
    let steps = axes.constant(value.axis).map(String.init) ?? "T"
    return "[" + ([steps] + value.shape.map(String.init)).joined(separator: ", ") + "]"
  }
}
