/// float32 numbers as they are in the source.
struct ValueMaker: FieldMaker {
  private(set) var description: FieldDescription
  private let parts: [SourcePart]

  /// Checks the sources of a value field, and takes its statistics if asked.
  ///
  /// - Parameters:
  ///   - shape: of one sample; nil: the source's.
  ///   - normalize: whether mean and standard deviation of the training split are stored.
  ///   - input: the sources.
  /// - Throws: ``PreparationError`` where they do not fit or hold no finite numbers.
  init(shape: [Int]?, normalize: Bool, _ input: FieldInput) throws {
    parts = input.parts
    var found: [Int]?
    for part in parts {
      let rowShape: [Int]
      switch part {
      case .rows(let rows): rowShape = rows.rowShape
      case .column: rowShape = []
      case .table: throw input.bad("a value is one column; write 'SOURCE.column', or a table")
      case .media: throw input.bad("files become 'modality: image' or 'modality: sound'")
      case .sequence: throw input.badSequence
      }
      guard found == nil || found == rowShape else {
        throw input.bad("its sources have samples of shapes \(found ?? []) and \(rowShape)")
      }
      found = rowShape
    }
    let sourceShape = found ?? []
    let sampleShape = shape ?? sourceShape
    guard sampleShape.reduce(1, *) == sourceShape.reduce(1, *) else {
      throw input.bad("expected samples of shape \(sampleShape), found \(sourceShape)")
    }
    description = FieldDescription(
      name: input.name, modality: "value", element: .float32, sampleShape: sampleShape)
    if normalize { try takeStatistics(input) }
  }

  private mutating func takeStatistics(_ input: FieldInput) throws {
    let count = description.sampleShape.reduce(1, *)
    var statistic = TwoPassStatistic()
    var scratch = [Float](repeating: 0, count: count)
    for pass in 0..<2 {
      for row in input.training.rows {
        try scratch.withUnsafeMutableBytes { bytes in
          guard let base = bytes.baseAddress else { return }
          try make(origin: input.training.origin, row: row, into: base)
        }
        for number in scratch {
          if pass == 0 { statistic.add(Double(number)) } else { statistic.deviate(Double(number)) }
        }
      }
    }
    description.mean = [statistic.mean]
    description.std = [statistic.std > 0 ? statistic.std : 1]
  }

  func make(origin: Int, row: Int, into target: UnsafeMutableRawPointer) throws {
    switch parts[origin] {
    case .rows(let rows):
      try withUnsafeTemporaryAllocation(byteCount: max(8, rows.rowBytes), alignment: 8) { cell in
        guard let base = cell.baseAddress else { return }
        rows.copy(row, into: base)
        for index in 0..<rows.scalarsPerRow {
          try store(rows.element.number(base, index), target, index) {
            "\(rows.place(row)), number \(index)"
          }
        }
      }
    case .column(let table, let column):
      let place = { "\(table.place(row)), column '\(table.columns[column])'" }
      guard let number = try table.number(row, column) else {
        throw PreparationError(
          .badData, "\(place()): the value is missing; remove the row, or use 'modality: table'")
      }
      try store(number, target, 0, place)
    case .table, .media, .sequence: preconditionFailure("refused when the field was checked")
    }
  }

  private func store(
    _ number: Double, _ target: UnsafeMutableRawPointer, _ index: Int, _ place: () -> String
  ) throws {
    let value = Float(number)
    guard value.isFinite else {
      throw PreparationError(
        .badData,
        "\(place()): \(number) is not a finite float32; mend or remove the sample")
    }
    target.storeBytes(of: value, toByteOffset: index * 4, as: Float.self)
  }
}
