import Buffers

/// A tensor without its zeros, made for writing; keeps the memory that its parts point into.
///
/// Zeros are those with no bit set: a negative one is kept, so that what is read back is what was written.
final class SparseTensor {
  /// What is written.
  let parts: [SafetensorsTensor]

  private let values: HostBuffer<Float>
  private let integers: HostBuffer<UInt8>

  /// Leaves zeros out.
  ///
  /// - Parameters:
  ///   - name: the tensor's name.
  ///   - shape: its extents, of which ``MatrixShape`` can make rows.
  ///   - floats: its scalars.
  ///   - form: one of those without zeros.
  init(_ name: String, _ shape: [Int], _ floats: UnsafePointer<Float>, as form: TensorForm) {
    guard let matrix = MatrixShape(shape) else { preconditionFailure("\(shape) is no matrix") }
    let live = Self.liveCount(floats, matrix.count)
    values = HostBuffer(count: live)
    let extents = shape.count * 8
    let total = matrix.byteCount(form, live: live, rank: shape.count) - 4 * live
    integers = HostBuffer(count: total)
    let base = UnsafeMutableRawPointer(integers.base)
    for (index, extent) in shape.enumerated() {
      base.storeBytes(of: Int64(extent), toByteOffset: 8 * index, as: Int64.self)
    }
    func part(
      _ suffix: String, _ type: SafetensorsEntry.ScalarType, _ shape: [Int], from start: Int
    ) -> SafetensorsTensor {
      SafetensorsTensor(
        name: name + suffix, type: type, shape: shape,
        bytes: .init(start: base + start, count: shape.reduce(type.size, *)))
    }
    let shapePart = part(".shape", .int64, [shape.count], from: 0)
    switch form {
    case .dense, .int8: preconditionFailure("a form with zeros")
    case .bitmask:
      let mask = extents + 8 * matrix.rows
      Self.fillMask(matrix, floats, values.base, base + extents, base + mask)
      parts = [
        SafetensorsTensor(name: name + ".compressed", shape: [live], floats: values.base),
        part(".bitmask", .uint8, [matrix.rows, matrix.maskColumns], from: mask),
        part(".row_offsets", .int64, [matrix.rows], from: extents), shapePart,
      ]
    case .csr:
      let columns = extents + 4 * (matrix.rows + 1)
      Self.fillRows(matrix, floats, values.base, base + extents, base + columns)
      parts = [
        SafetensorsTensor(name: name + ".data", shape: [live], floats: values.base),
        part(".indices", matrix.isNarrow ? .uint16 : .int32, [live], from: columns),
        part(".indptr", .int32, [matrix.rows + 1], from: extents), shapePart,
      ]
    }
  }

  /// The form with the fewest bytes; vectors stay whole.
  static func smallest(_ shape: [Int], _ floats: UnsafePointer<Float>) -> TensorForm {
    guard shape.count > 1, let matrix = MatrixShape(shape) else { return .dense }
    let live = liveCount(floats, matrix.count)
    let bytes = TensorForm.exact.map { matrix.byteCount($0, live: live, rank: shape.count) }
    return TensorForm.exact[bytes.indices.min { bytes[$0] < bytes[$1] } ?? 0]
  }

  /// Scalars with any bit set.
  static func liveCount(_ floats: UnsafePointer<Float>, _ count: Int) -> Int {
    (0..<count).reduce(0) { $0 + (floats[$1].bitPattern == 0 ? 0 : 1) }
  }

  private static func fillMask(
    _ matrix: MatrixShape, _ floats: UnsafePointer<Float>, _ values: UnsafeMutablePointer<Float>,
    _ offsets: UnsafeMutableRawPointer, _ mask: UnsafeMutableRawPointer
  ) {
    let mask = mask.assumingMemoryBound(to: UInt8.self)
    var next = 0
    for row in 0..<matrix.rows {
      offsets.storeBytes(of: Int64(next), toByteOffset: 8 * row, as: Int64.self)
      for column in 0..<matrix.columns {
        let value = floats[row * matrix.columns + column]
        guard value.bitPattern != 0 else { continue }
        mask[row * matrix.maskColumns + column / 8] |= 1 << UInt8(column % 8)
        values[next] = value
        next += 1
      }
    }
  }

  private static func fillRows(
    _ matrix: MatrixShape, _ floats: UnsafePointer<Float>, _ values: UnsafeMutablePointer<Float>,
    _ starts: UnsafeMutableRawPointer, _ columns: UnsafeMutableRawPointer
  ) {
    var next = 0
    for row in 0..<matrix.rows {
      for column in 0..<matrix.columns {
        let value = floats[row * matrix.columns + column]
        guard value.bitPattern != 0 else { continue }
        if matrix.isNarrow {
          columns.storeBytes(of: UInt16(column), toByteOffset: 2 * next, as: UInt16.self)
        } else {
          columns.storeBytes(of: Int32(column), toByteOffset: 4 * next, as: Int32.self)
        }
        values[next] = value
        next += 1
      }
      starts.storeBytes(of: Int32(next), toByteOffset: 4 * (row + 1), as: Int32.self)
    }
  }
}
