import Buffers
import Parameters

/// A tensor as 8-bit codes, made for writing; keeps the memory that its parts point into.
final class CodedTensor {
  /// What is written.
  let parts: [SafetensorsTensor]

  private let codes: HostBuffer<Int8>
  private let scales: HostBuffer<Float>

  /// Codes a tensor with a scale for each output channel; nil for one that holds a NaN or infinity.
  init?(_ name: String, _ shape: [Int], _ floats: UnsafePointer<Float>) {
    let count = shape.reduce(1, *)
    guard count > 0, (0..<count).allSatisfy({ floats[$0].isFinite }) else { return nil }
    let coded = ChannelCodes(floats, shape: shape)
    codes = HostBuffer(count: count)
    scales = HostBuffer(count: coded.scales.count)
    for (index, code) in coded.codes.enumerated() { codes.base[index] = code }
    for (index, scale) in coded.scales.enumerated() { scales.base[index] = scale }
    parts = [
      SafetensorsTensor(
        name: name, type: .int8, shape: shape,
        bytes: UnsafeRawBufferPointer(start: codes.base, count: count)),
      SafetensorsTensor(
        name: name + TensorForm.scaleSuffix, shape: ChannelCodes.scaleShape(shape),
        floats: scales.base),
    ]
  }
}

/// How what enters a layer is coded, made for writing.
final class InputCodes {
  /// What is written.
  let parts: [SafetensorsTensor]

  private let scale = HostBuffer<Float>(count: 1)
  private let zeroPoint = HostBuffer<UInt8>(count: 1)

  init(_ layer: String, scale: Float, zeroPoint: UInt8) {
    self.scale.base[0] = scale
    self.zeroPoint.base[0] = zeroPoint
    parts = [
      SafetensorsTensor(name: layer + ".input_scale", shape: [1], floats: self.scale.base),
      SafetensorsTensor(
        name: layer + ".input_zero_point", type: .uint8, shape: [1],
        bytes: UnsafeRawBufferPointer(start: self.zeroPoint.base, count: 1)),
    ]
  }
}
