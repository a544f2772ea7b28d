import Buffers

/// A float tensor of a file under its plain name, in whichever form it lies there.
struct StoredTensor {
  /// Its name, without the words for parts.
  let name: String
  /// Its extents, as the file tells them; for forms without zeros not checked against the other parts yet.
  let shape: [Int]
  /// How its floats are stored.
  let type: SafetensorsEntry.ScalarType
  /// The names of its parts.
  var partNames: [String] { parts.map(\.name) }

  private let form: TensorForm
  private let parts: [SafetensorsEntry]
  private let file: SafetensorsFile

  /// Finds the tensor `name`; nil where the file has it in no form.
  ///
  /// - Throws: `CheckpointError` where the part that tells its extents is unsound.
  init?(_ name: String, in file: SafetensorsFile) throws {
    // Bytes without scales are no codes.
    let forms = file[name]?.type == .int8 ? [.int8] + TensorForm.exact : TensorForm.exact
    let complete = forms.first { form in
      form.suffixes.allSatisfy { file[name + $0] != nil }
    }
    guard let form = complete else { return nil }
    (self.name, self.file, self.form) = (name, file, form)
    parts = form.suffixes.compactMap { file[name + $0] }
    // Of codes the floats are the scales.
    type = form == .int8 ? parts[1].type : parts[0].type
    guard form != .dense, form != .int8 else {
      shape = parts[0].shape
      return
    }
    let extents = parts[3]
    guard extents.type == .int64, extents.shape.count == 1, extents.count <= 8 else {
      throw Self.fault(file, extents, "at most 8 extents of type I64")
    }
    shape = try Self.integers(extents, file)
  }

  /// Reads all scalars.
  ///
  /// - Parameter output: room for as many as ``shape`` says.
  /// - Throws: `CheckpointError` naming the part that does not fit the others.
  func read(into output: UnsafeMutablePointer<Float>) throws {
    guard form != .dense else {
      return try file.readFloats(parts[0], 0..<parts[0].count, into: output)
    }
    guard form != .int8 else { return try readCodes(into: output) }
    guard let matrix = MatrixShape(shape) else {
      throw Self.fault(file, parts[3], "extents of fewer than 2^31 scalars, found \(shape)")
    }
    let live = parts[0].count
    guard live <= matrix.count else {
      throw Self.fault(file, parts[0], "at most \(matrix.count) scalars, found \(live)")
    }
    let values = HostBuffer<Float>(count: live)
    try file.readFloats(parts[0], 0..<live, into: values.base)
    output.update(repeating: 0, count: matrix.count)
    if form == .bitmask {
      try spreadMask(matrix, values.base, live, into: output)
    } else {
      try spreadRows(matrix, values.base, live, into: output)
    }
  }

  /// Reads codes and spreads the scales over them.
  private func readCodes(into output: UnsafeMutablePointer<Float>) throws {
    let (codes, scales) = (parts[0], parts[1])
    let channels = scales.shape.indices.filter { scales.shape[$0] != 1 }
    guard scales.shape.count == codes.shape.count, channels.count <= 1,
      channels.allSatisfy({ scales.shape[$0] == codes.shape[$0] })
    else {
      throw Self.fault(
        file, scales, "extents of 1 but for one of those of \(codes.shape), found \(scales.shape)")
    }
    let run = channels.first.map { codes.shape[($0 + 1)...].reduce(1, *) } ?? max(1, codes.count)
    let factors = HostBuffer<Float>(count: scales.count)
    try file.readFloats(scales, 0..<scales.count, into: factors.base)
    let bytes = HostBuffer<Int8>(count: codes.count)
    try file.readBytes(codes, into: .init(start: bytes.base, count: codes.count))
    for index in 0..<codes.count {
      output[index] = Float(bytes[index]) * factors[index / run % scales.count]
    }
  }

  private func spreadMask(
    _ matrix: MatrixShape, _ values: UnsafePointer<Float>, _ live: Int,
    into output: UnsafeMutablePointer<Float>
  ) throws {
    let entry = parts[1]
    guard entry.type == .uint8, entry.shape == [matrix.rows, matrix.maskColumns] else {
      throw Self.fault(file, entry, "U8 \([matrix.rows, matrix.maskColumns])")
    }
    let mask = HostBuffer<UInt8>(count: entry.count)
    try file.readBytes(entry, into: .init(start: mask.base, count: entry.count))
    // A last byte has bits behind the last column, which must not be set.
    let marked = mask.all.reduce(0) { $0 + $1.nonzeroBitCount }
    guard marked == live else {
      throw Self.fault(file, entry, "as many bits as there are values, \(live), found \(marked)")
    }
    var next = 0
    for row in 0..<matrix.rows {
      for column in 0..<matrix.columns
      where mask[row * matrix.maskColumns + column / 8] >> UInt8(column % 8) & 1 == 1 {
        output[row * matrix.columns + column] = values[next]
        next += 1
      }
    }
    guard next == live else { throw Self.fault(file, entry, "no bit behind the last column") }
  }

  private func spreadRows(
    _ matrix: MatrixShape, _ values: UnsafePointer<Float>, _ live: Int,
    into output: UnsafeMutablePointer<Float>
  ) throws {
    let (columns, starts) = (parts[1], parts[2])
    guard columns.shape == [live] else { throw Self.fault(file, columns, "\(live) columns") }
    guard starts.shape == [matrix.rows + 1] else {
      throw Self.fault(file, starts, "\(matrix.rows + 1) places")
    }
    let first = try Self.integers(starts, file)
    let places = try Self.integers(columns, file)
    guard first[0] == 0, first[matrix.rows] == live, zip(first, first.dropFirst()).allSatisfy(<=)
    else { throw Self.fault(file, starts, "places from 0 to \(live) that never fall") }
    for row in 0..<matrix.rows {
      var before = -1
      for index in first[row]..<first[row + 1] {
        guard places[index] > before, places[index] < matrix.columns else {
          throw Self.fault(
            file, columns,
            "rising columns below \(matrix.columns) in row \(row), found \(places[index])")
        }
        before = places[index]
        output[row * matrix.columns + before] = values[index]
      }
    }
  }

  /// All integers of an entry.
  private static func integers(
    _ entry: SafetensorsEntry, _ file: SafetensorsFile
  ) throws -> [Int] {
    var bytes = [UInt8](repeating: 0, count: entry.bytes.count)
    try bytes.withUnsafeMutableBytes { try file.readBytes(entry, into: $0) }
    return try bytes.withUnsafeBytes { raw in
      try (0..<entry.count).map { index in
        let offset = index * entry.type.size
        switch entry.type {
        case .uint16: return Int(raw.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
        case .int32: return Int(raw.loadUnaligned(fromByteOffset: offset, as: Int32.self))
        case .int64: return Int(raw.loadUnaligned(fromByteOffset: offset, as: Int64.self))
        default: throw fault(file, entry, "U16, I32 or I64, found \(entry.type.rawValue)")
        }
      }
    }
  }

  private static func fault(
    _ file: SafetensorsFile, _ entry: SafetensorsEntry, _ expected: String
  ) -> CheckpointError {
    CheckpointError(.damaged, "\(file.path): tensor '\(entry.name)': expected \(expected)")
  }
}
