import Configuration
import Parameters

/// How the weights of a tensor are cut into rectangles of neighbouring outputs and inputs.
///
/// Weights `[O, I]` are one matrix, those of a convolution `[K, K, C / groups, O]` one for each position of the kernel.
/// Rectangles are numbered by position, then by outputs, then by inputs; those at the edges are smaller where the
/// extents do not divide.
public struct TensorGrid: Sendable, Equatable {
  /// The place of the first weight in the canonical order.
  public let start: Int
  /// How many rectangles there are.
  public let count: Int

  private let outputs, inputs: Int
  private let positionStride, outputStride, inputStride: Int
  private let height, width: Int
  private let rows, columns: Int

  /// Cuts a slot's weights.
  ///
  /// - Parameters:
  ///   - slot: weights of a layer.
  ///   - height: outputs of a rectangle.
  ///   - width: inputs of a rectangle.
  public init(_ slot: ParameterSlot, height: Int, width: Int) {
    precondition(height > 0 && width > 0 && slot.count > 0, "an empty rectangle or tensor")
    start = slot.offset
    self.height = height
    self.width = width
    let positions: Int
    if case .convolution = slot.foreign {
      (inputs, outputs) = (slot.shape[2], slot.shape[3])
      positions = slot.shape[0] * slot.shape[1]
      (inputStride, outputStride) = (outputs, 1)
    } else {
      inputs = slot.shape.last ?? 1
      outputs = slot.count / inputs
      positions = 1
      (inputStride, outputStride) = (1, inputs)
    }
    positionStride = inputs * outputs
    rows = (outputs + height - 1) / height
    columns = (inputs + width - 1) / width
    count = positions * rows * columns
  }

  /// Visits the weights of a rectangle, output by output.
  @inline(__always)
  func forEachPlace(of rectangle: Int, _ body: (_ place: Int) -> Void) {
    let (row, column) = rectangle.quotientAndRemainder(dividingBy: columns)
    let (position, high) = row.quotientAndRemainder(dividingBy: rows)
    let first = start + position * positionStride
    for output in high * height..<min(outputs, (high + 1) * height) {
      for input in column * width..<min(inputs, (column + 1) * width) {
        body(first + output * outputStride + input * inputStride)
      }
    }
  }

  /// The weights of a rectangle.
  func size(of rectangle: Int) -> Int {
    let (row, column) = rectangle.quotientAndRemainder(dividingBy: columns)
    let high = row % rows
    return (min(outputs, (high + 1) * height) - high * height)
      * (min(inputs, (column + 1) * width) - column * width)
  }
}

extension PruningConfiguration.Pattern {
  /// The outputs and inputs of a rectangle; nil where weights stand alone.
  var rectangle: (height: Int, width: Int)? {
    switch self {
    case .single: nil
    case .group(_, let of): (1, of)
    case .block(let outputs, let inputs): (outputs, inputs)
    }
  }
}

extension TensorGrid {
  /// The weights that are zero where every rectangle keeps so many.
  func zeros(keeping keep: Int) -> Int {
    (0..<count).reduce(0) { $0 + max(0, size(of: $1) - keep) }
  }

  /// The rectangles of which every weight is zero.
  ///
  /// - Parameter values: P scalars in canonical order.
  /// - Returns: how many there are.
  public func zeroCount(in values: UnsafePointer<Float>) -> Int {
    (0..<count).count { unit in
      var isZero = true
      forEachPlace(of: unit) { isZero = isZero && values[$0] == 0 }
      return isZero
    }
  }
}
