import Configuration
import Datasets

/// A field of which only the leading principal components are kept: another maker's samples, reconstructed.
struct ReducedMaker: FieldMaker {
  var description: FieldDescription
  let notes: [String]
  private let base: any FieldMaker
  private let components: PrincipalComponents

  /// Finds the components of the training split's samples.
  ///
  /// - Parameters:
  ///   - base: makes the whole samples, bytes or float32 of one shape.
  ///   - choice: which components are kept.
  ///   - input: the sources.
  /// - Throws: ``PreparationError`` with `.badRecipe` for samples of too many numbers.
  init(_ base: any FieldMaker, keeping choice: ComponentChoice, _ input: FieldInput) throws {
    self.base = base
    let size = base.description.sampleShape.reduce(1, *)
    guard size <= PrincipalComponents.mostNumbers else {
      throw input.bad(
        "'components' is for samples of at most \(PrincipalComponents.mostNumbers) numbers, found"
          + " \(base.description.sampleShape); resize them first")
    }
    let stored = base.description.element
    let bytes = base.description.sampleBytes
    let found = try withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 8) { cell in
      try PrincipalComponents.find(choice, size: size, rows: input.training.rows, input.crew) {
        guard let place = cell.baseAddress else { return }
        try base.make(origin: input.training.origin, row: $0, into: place)
        for index in 0..<size { $1[index] = stored.number(place, index) }
      }
    }
    guard let found else {
      throw PreparationError(
        .badData,
        "field '\(input.name)': the principal components were not found; its numbers are too large")
    }
    components = found
    var description = base.description
    description.attributes["components"] = .integer(Int64(found.count))
    description.attributes["componentShare"] = .number(found.share)
    self.description = description
    let percent = (found.share * 10_000).rounded() / 100
    notes =
      base.notes + [
        "\(input.name): \(found.count) principal components of \(size) hold \(percent) % of the variance"
      ]
  }

  func isAbsent(origin: Int, row: Int) -> Bool { base.isAbsent(origin: origin, row: row) }

  func make(origin: Int, row: Int, into target: UnsafeMutableRawPointer) throws {
    try base.make(origin: origin, row: row, into: target)
    let stored = description.element
    withUnsafeTemporaryAllocation(of: Double.self, capacity: components.mean.count) { sample in
      guard let numbers = sample.baseAddress else { return }
      for index in sample.indices { numbers[index] = stored.number(target, index) }
      components.project(numbers)
      for index in sample.indices { stored.store(numbers[index], target, index) }
    }
  }
}

extension SampleField.Element {
  /// The byte or float32 at `index`.
  fileprivate func number(_ base: UnsafeRawPointer, _ index: Int) -> Double {
    self == .uint8
      ? Double(base.load(fromByteOffset: index, as: UInt8.self))
      : Double(base.loadUnaligned(fromByteOffset: index * 4, as: Float.self))
  }

  /// Writes a byte or float32; bytes are rounded, ties to even, and cut off at 0 and 255.
  fileprivate func store(_ number: Double, _ base: UnsafeMutableRawPointer, _ index: Int) {
    guard self == .uint8 else {
      base.storeBytes(of: Float(number), toByteOffset: index * 4, as: Float.self)
      return
    }
    let level = min(max(number.rounded(.toNearestOrEven), 0), 255)
    base.storeBytes(of: UInt8(level), toByteOffset: index, as: UInt8.self)
  }
}
