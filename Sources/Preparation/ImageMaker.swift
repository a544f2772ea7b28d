import Configuration

/// uint8 images `[H, W, C]`, resized if asked.
struct ImageMaker: FieldMaker {
  let description: FieldDescription
  private let inputs: [any RawRows]
  private let resize: BilinearResize?

  /// The maker for pictures from files or from arrays.
  ///
  /// - Parameters:
  ///   - field: the recipe's options.
  ///   - input: the sources.
  /// - Returns: the maker.
  /// - Throws: ``PreparationError`` where sources and options do not fit.
  static func maker(_ field: ImageField, _ input: FieldInput) throws -> any FieldMaker {
    let maker = try plainMaker(field, input)
    return try field.components.map { try ReducedMaker(maker, keeping: $0, input) } ?? maker
  }

  private static func plainMaker(_ field: ImageField, _ input: FieldInput) throws -> any FieldMaker
  {
    if input.parts.contains(where: { if case .media = $0 { true } else { false } }) {
      return try PictureMaker(field, input)
    }
    guard field.crop == nil else { throw input.bad("'crop' goes with pictures from files") }
    return try ImageMaker(field, input)
  }

  /// Checks the sources of an image field.
  ///
  /// - Parameters:
  ///   - field: the recipe's options.
  ///   - input: the sources.
  /// - Throws: ``PreparationError`` with `.badRecipe` where they do not fit.
  init(_ field: ImageField, _ input: FieldInput) throws {
    inputs = try input.parts.map { part in
      guard case .rows(let rows) = part else {
        throw input.bad("a text table cannot be an image; use idx, cifar, npy or hdf5")
      }
      guard rows.element == .uint8 else {
        throw input.bad(
          "images must be uint8 (0 to 255), found \(rows.element.rawValue); store them as bytes,"
            + " or use 'modality: value'")
      }
      return rows
    }
    let shape = try ImageMaker.shape(field.shape, inputs, input)
    let size = field.resize ?? [shape[0], shape[1]]
    guard size.count == 2, size.allSatisfy({ (1...16384).contains($0) }) else {
      throw input.bad("expected 'resize: [height, width]' of 1 to 16384, found \(size)")
    }
    resize =
      size == [shape[0], shape[1]]
      ? nil
      : BilinearResize(
        from: (shape[0], shape[1]), to: (size[0], size[1]), channels: shape[2])
    description = FieldDescription(
      name: input.name, modality: "image", element: .uint8,
      sampleShape: [size[0], size[1], shape[2]])
  }

  private static func shape(
    _ written: [Int]?, _ inputs: [any RawRows], _ input: FieldInput
  ) throws -> [Int] {
    let found = inputs.first?.rowShape ?? []
    let shape = written ?? (found.count == 2 ? found + [1] : found)
    guard shape.count == 3, shape.allSatisfy({ $0 > 0 }) else {
      throw input.bad(
        "expected 'shape: [height, width, channels]', found \(shape)"
          + (written == nil ? " in the source" : ""))
    }
    for rows in inputs {
      let fits = rows.rowShape == shape || rows.rowShape.count == 1 || shape[2] == 1
      guard fits, rows.scalarsPerRow == shape.reduce(1, *) else {
        throw input.bad("expected samples of shape \(shape), found \(rows.rowShape)")
      }
    }
    return shape
  }

  func make(origin: Int, row: Int, into target: UnsafeMutableRawPointer) throws {
    guard let resize else {
      inputs[origin].copy(row, into: target)
      return
    }
    let count = resize.from.height * resize.from.width * resize.channels
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { source in
      guard let base = source.baseAddress else { return }
      inputs[origin].copy(row, into: UnsafeMutableRawPointer(base))
      resize.apply(base, target.assumingMemoryBound(to: UInt8.self))
    }
  }
}

/// Sums of the bytes and squared bytes of each channel: whole numbers, so their order is free.
struct ChannelSums: Equatable {
  /// Pixels counted.
  private(set) var count: Int64 = 0
  private var sums: [Int64]
  private var squares: [Int64]

  /// Nothing yet.
  init(channels: Int) {
    sums = Array(repeating: 0, count: channels)
    squares = sums
  }

  /// Adds pixels, channels fastest.
  mutating func add(_ bytes: [UInt8]) {
    let channels = sums.count
    count += Int64(bytes.count / channels)
    bytes.withUnsafeBufferPointer { bytes in
      for channel in 0..<channels {
        var sum: Int64 = 0
        var square: Int64 = 0
        for index in stride(from: channel, to: bytes.count, by: channels) {
          let value = Int64(bytes[index])
          sum += value
          square += value * value
        }
        sums[channel] += sum
        squares[channel] += square
      }
    }
  }

  /// The mean of each channel in stored units, 0 to 255.
  var mean: [Double] { sums.map { count == 0 ? 0 : Double($0) / Double(count) } }

  /// The population's standard deviation in stored units; 1 for a channel that never changes.
  var std: [Double] {
    sums.indices.map { channel in
      guard count > 0 else { return 1 }
      let mean = Double(sums[channel]) / Double(count)
      let variance = Double(squares[channel]) / Double(count) - mean * mean
      return variance > 1e-9 ? variance.squareRoot() : 1
    }
  }
}
