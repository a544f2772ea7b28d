import Buffers
import Tensors

/// Turns the stored numbers of whole rows into a microbatch's numbers.
///
/// Values become `(x − mean) / std`, computed as `x · scale + offset` in Float32 with
/// `scale = 1/std` and `offset = −mean/std` per index of the last axis.
final class RowConverter: Sendable {
  /// Y, where labels have a bound.
  let classes: Int?
  private let isIdentity: Bool
  private let channels: Int
  private nonisolated(unsafe) let scale: UnsafeMutablePointer<Float>
  private nonisolated(unsafe) let offset: UnsafeMutablePointer<Float>

  /// What is wrong with a number that cannot be used.
  struct Fault: Error {
    let code: DatasetError.Code
    let text: String
  }

  /// A converter; `mean` and `std` hold 1 or `channels` numbers.
  init(channels: Int, mean: [Double]?, std: [Double]?, classes: Int?) {
    self.classes = classes
    self.channels = max(1, channels)
    isIdentity = mean == nil && std == nil
    scale = .allocate(capacity: self.channels)
    offset = .allocate(capacity: self.channels)
    for channel in 0..<self.channels {
      let deviation = std.map { $0.count == 1 ? $0[0] : $0[channel] } ?? 1
      let center = mean.map { $0.count == 1 ? $0[0] : $0[channel] } ?? 0
      scale[channel] = Float(1 / deviation)
      offset[channel] = Float(-center / deviation)
    }
  }

  deinit {
    scale.deallocate()
    offset.deallocate()
  }

  /// Writes `count` values, whole rows, refusing what is not finite or would be rounded from an integer.
  func values(
    _ raw: UnsafeRawPointer, _ kind: NumberKind, count: Int,
    into output: UnsafeMutablePointer<Float>
  ) throws(Fault) {
    switch kind {
    case .uint8:
      let source = raw.assumingMemoryBound(to: UInt8.self)
      if isIdentity {
        for index in 0..<count { output[index] = Float(source[index]) }
      } else {
        Kernels.convertUInt8(
          count: count, source: source, channels: channels, scale: scale, offset: offset,
          output: output)
      }
      return
    case .float32:
      try floats(raw.assumingMemoryBound(to: Float.self), count, output)
      return
    case .float64:
      let source = raw.assumingMemoryBound(to: Double.self)
      for index in 0..<count { output[index] = Float(source[index]) }
    case .int8: try integers(raw, Int8.self, count, output)
    case .uint16: try integers(raw, UInt16.self, count, output)
    case .int16: try integers(raw, Int16.self, count, output)
    case .uint32: try integers(raw, UInt32.self, count, output)
    case .int32: try integers(raw, Int32.self, count, output)
    case .uint64: try integers(raw, UInt64.self, count, output)
    case .int64: try integers(raw, Int64.self, count, output)
    }
    try floats(output, count, output)
  }

  /// Writes `count` labels or ids, refusing those outside the classes.
  func labels(
    _ raw: UnsafeRawPointer, _ kind: NumberKind, count: Int,
    into output: UnsafeMutablePointer<Int64>
  ) throws(Fault) {
    switch kind {
    case .uint8: try labels(raw, UInt8.self, count, output)
    case .int8: try labels(raw, Int8.self, count, output)
    case .uint16: try labels(raw, UInt16.self, count, output)
    case .int16: try labels(raw, Int16.self, count, output)
    case .uint32: try labels(raw, UInt32.self, count, output)
    case .int32: try labels(raw, Int32.self, count, output)
    case .uint64: try labels(raw, UInt64.self, count, output)
    case .int64: try labels(raw, Int64.self, count, output)
    case .float32, .float64: preconditionFailure("labels are whole numbers")
    }
  }

  /// Normalises floats, in place if asked; a NaN or infinity of the source survives into the output.
  private func floats(
    _ source: UnsafePointer<Float>, _ count: Int, _ output: UnsafeMutablePointer<Float>
  ) throws(Fault) {
    if isIdentity {
      if UnsafePointer(output) != source { output.update(from: source, count: count) }
    } else {
      Kernels.convertFloat(
        count: count, source: source, channels: channels, scale: scale, offset: offset,
        output: output)
    }
    guard !Kernels.isFinite(count, output) else { return }
    let index = (0..<count).first { !output[$0].isFinite } ?? 0
    throw Fault(
      code: .nonFinite, text: "number \(index) is \(output[index]); clean the data or fill it in")
  }

  private func integers<Number: FixedWidthInteger>(
    _ raw: UnsafeRawPointer, _ type: Number.Type, _ count: Int,
    _ output: UnsafeMutablePointer<Float>
  ) throws(Fault) {
    let source = raw.assumingMemoryBound(to: type)
    for index in 0..<count {
      let value = Float(source[index])
      guard Number.bitWidth < 24 || Number(exactly: value) == source[index] else {
        throw Fault(
          code: .mismatch,
          text: "\(source[index]) is not a Float32; store the field as float32 or float64 to round")
      }
      output[index] = value
    }
  }

  private func labels<Number: FixedWidthInteger>(
    _ raw: UnsafeRawPointer, _ type: Number.Type, _ count: Int,
    _ output: UnsafeMutablePointer<Int64>
  ) throws(Fault) {
    let source = raw.assumingMemoryBound(to: type)
    let bound = classes.map(Int64.init) ?? .max
    for index in 0..<count {
      guard let value = Int64(exactly: source[index]), value >= 0, value < bound else {
        let range = classes.map { "0..<\($0)" } ?? "0 and above"
        throw Fault(code: .label, text: "label \(source[index]) is outside \(range)")
      }
      output[index] = value
    }
  }
}
