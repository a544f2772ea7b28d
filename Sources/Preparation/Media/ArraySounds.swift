/// Sounds that are numbers in an array: int16 with full scale 32,768, or floats with full scale 1.
struct ArraySounds: SoundSource {
  private let rows: any RawRows
  private let rate: Int
  private let fullScale: Double

  /// Checks an array.
  ///
  /// - Parameters:
  ///   - rows: amplitudes, one axis a row, whose file says how many there are a second.
  ///   - input: the field, for messages.
  /// - Throws: ``PreparationError`` with `.badRecipe` for other numbers.
  init(_ rows: any RawRows, _ input: FieldInput) throws {
    guard rows.rowShape.count == (rows.isRagged ? 0 : 1) else {
      throw input.bad("a sound has one axis, found samples of \(rows.rowShape)")
    }
    switch rows.element {
    case .int16: fullScale = 32768
    case .float32, .float64: fullScale = 1
    default: throw input.bad("a sound is int16 or floats, found \(rows.element.rawValue)")
    }
    guard let rate = rows.about.rate, rate > 0 else {
      throw input.bad(
        "its source does not say how many samples a second it has (attribute 'rate' of HDF5);"
          + " use 'modality: value'")
    }
    self.rate = rate
    self.rows = rows
  }

  var count: Int { rows.rows }

  func extent(_ row: Int) -> (samples: Int, rate: Int)? {
    rows.isPresent(row) ? (rows.steps(row) * rows.scalarsPerRow, rate) : nil
  }

  func sound(_ row: Int) throws -> DecodedSound {
    let count = rows.steps(row) * rows.scalarsPerRow
    let size = max(8, count * rows.element.byteCount)
    let samples = withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { cell in
      guard let base = cell.baseAddress else { return [Double]() }
      rows.copy(row, into: base)
      return (0..<count).map { rows.element.number(base, $0) / fullScale }
    }
    guard samples.allSatisfy({ Float($0).isFinite }) else {
      throw PreparationError(
        .badData, "\(place(row)): it holds amplitudes that are not finite float32")
    }
    return DecodedSound(rate: rate, samples: samples)
  }

  func isSame(_ row: Int, _ other: Int) -> Bool { rows.storedRow(row) == rows.storedRow(other) }

  func place(_ row: Int) -> String { rows.place(row) }
}
