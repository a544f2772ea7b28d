import Configuration

/// float32 numbers as they are in the source.
struct ValueMaker: FieldMaker {
  var description: FieldDescription
  private let parts: [SourcePart]

  /// The maker of a value field, with its statistics if asked.
  ///
  /// - Parameters:
  ///   - shape: of one sample; nil: the source's.
  ///   - normalize: whether mean and standard deviation of the training split are stored.
  ///   - components: the principal components that are kept; nil: everything.
  ///   - input: the sources.
  /// - Returns: the maker.
  /// - Throws: ``PreparationError`` where the sources do not fit or hold no finite numbers.
  static func maker(
    shape: [Int]?, normalize: Bool, _ components: ComponentChoice?, _ input: FieldInput
  ) throws -> any FieldMaker {
    var plain = try ValueMaker(shape: shape, input)
    if let components {
      guard !plain.description.isRagged else {
        throw input.bad("'components' is for samples of one shape, found unequal lengths")
      }
      var reduced = try ReducedMaker(plain, keeping: components, input)
      if normalize { reduced.description.takeStatistics(try statistic(of: reduced, input)) }
      return reduced
    }
    if normalize { plain.description.takeStatistics(try statistic(of: plain, input)) }
    return plain
  }

  /// Checks the sources of a value field.
  ///
  /// - Parameters:
  ///   - shape: of one sample; nil: the source's.
  ///   - input: the sources.
  /// - Throws: ``PreparationError`` where they do not fit.
  init(shape: [Int]?, _ input: FieldInput) throws {
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
    let isRagged = try input.agreedSteps()
    guard shape == nil || !isRagged else {
      throw input.bad("'shape' is for samples of one length; leave it out")
    }
    let sourceShape = found ?? []
    let sampleShape = shape ?? sourceShape
    guard sampleShape.reduce(1, *) == sourceShape.reduce(1, *) else {
      throw input.bad("expected samples of shape \(sampleShape), found \(sourceShape)")
    }
    description = FieldDescription(
      name: input.name, modality: "value", element: .float32, sampleShape: sampleShape,
      isRagged: isRagged)
  }

  /// Mean and deviation of all numbers that a maker makes of the training split.
  private static func statistic(
    of maker: any FieldMaker, _ input: FieldInput
  ) throws -> TwoPassStatistic {
    var statistic = TwoPassStatistic()
    let size = maker.description.sampleShape.reduce(1, *)
    for pass in 0..<2 {
      for row in input.training.rows {
        let steps = maker.steps(origin: input.training.origin, row: row)
        var scratch = [Float](repeating: 0, count: steps * size)
        try scratch.withUnsafeMutableBytes { bytes in
          guard let base = bytes.baseAddress else { return }
          try maker.make(origin: input.training.origin, row: row, into: base)
        }
        for number in scratch {
          if pass == 0 { statistic.add(Double(number)) } else { statistic.deviate(Double(number)) }
        }
      }
    }
    return statistic
  }

  func steps(origin: Int, row: Int) -> Int {
    if case .rows(let rows) = parts[origin] { rows.steps(row) } else { 1 }
  }

  func make(origin: Int, row: Int, into target: UnsafeMutableRawPointer) throws {
    switch parts[origin] {
    case .rows(let rows):
      let size = max(8, rows.rowBytes * rows.steps(row))
      try withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { cell in
        guard let base = cell.baseAddress else { return }
        rows.copy(row, into: base)
        for index in 0..<rows.scalarsPerRow * rows.steps(row) {
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

extension FieldDescription {
  /// Takes over one mean and one deviation; a field that never changes has the deviation 1.
  fileprivate mutating func takeStatistics(_ statistic: TwoPassStatistic) {
    mean = [statistic.mean]
    std = [statistic.std > 0 ? statistic.std : 1]
  }
}
