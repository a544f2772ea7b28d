import Buffers

/// The samples of one forward pass, ready to compute on.
///
/// Fields whose samples differ in length, or may be missing, are *packed*: the units of sample 0, then
/// those of sample 1, without anything between or behind them; ``offsets(_:)`` says where each sample's
/// begin. Nothing is padded, so nothing has to be masked.
///
/// One object is filled again and again by the input thread and lent to the compute thread; it is
/// never in both hands at once, which is what makes the unchecked `Sendable` true.
public final class Microbatch: @unchecked Sendable {
  /// N: the most samples it can hold.
  public let capacity: Int
  /// Samples it holds now, `0 ... capacity`.
  public var count = 0
  /// Its place in the step (or in the split, when evaluating), from 0.
  public var index = 0
  /// The optimizer step it belongs to; 0 when evaluating.
  public var step = 0
  /// What each field holds.
  public let fields: [MicrobatchField]
  /// Which fields hold their numbers; of the others only extents are known.
  public let holdsNumbers: [Bool]
  /// Each sample's number in its split, `capacity` of them.
  public let sampleNumbers: UnsafeMutablePointer<Int64>

  private let numbers: HostBuffer<Int64>
  private let memory: HostBuffer<UInt8>
  private let regions: [Regions]

  /// Where a field lies.
  private struct Regions {
    var numbers = 0
    var offsets = 0
    var presence = 0
  }

  /// Allocates room for `capacity` samples of each field.
  ///
  /// - Parameters:
  ///   - capacity: N.
  ///   - fields: what it holds.
  ///   - wanted: the indices of the fields whose numbers are wanted; nil for all. The others have
  ///     extents only, which take little room for any number of samples.
  public init(capacity: Int, fields: [MicrobatchField], numbersOf wanted: Set<Int>? = nil) {
    precondition(capacity > 0, "a microbatch needs room for at least one sample")
    self.capacity = capacity
    self.fields = fields
    holdsNumbers = fields.indices.map { wanted?.contains($0) ?? true }
    var plan = ArenaPlan()
    var regions: [Regions] = []
    for (index, field) in fields.enumerated() {
      var region = Regions()
      if holdsNumbers[index] {
        let count = capacity * field.scalarsPerSample
        region.numbers =
          field.element == .float
          ? plan.reserve(count, of: Float.self).offset : plan.reserve(count, of: Int64.self).offset
      }
      if field.isPacked { region.offsets = plan.reserve(capacity + 1, of: Int.self).offset }
      if field.isOptional { region.presence = plan.reserve(capacity, of: UInt8.self).offset }
      regions.append(region)
    }
    self.regions = regions
    memory = HostBuffer(count: plan.byteCount)
    numbers = HostBuffer(count: capacity)
    sampleNumbers = numbers.base
  }

  /// The index in ``fields`` of the field called `name`, or nil.
  public func fieldIndex(_ name: String) -> Int? {
    fields.firstIndex { $0.name == name }
  }

  /// The values of a float field, `[units] + sampleShape`.
  public func floats(_ fieldIndex: Int) -> UnsafeMutablePointer<Float> {
    precondition(fields[fieldIndex].element == .float, "\(fields[fieldIndex].name) holds integers")
    return numbers(fieldIndex, as: Float.self)
  }

  /// The numbers of an integer field, `[units] + sampleShape`.
  public func integers(_ fieldIndex: Int) -> UnsafeMutablePointer<Int64> {
    precondition(fields[fieldIndex].element == .integer, "\(fields[fieldIndex].name) holds floats")
    return numbers(fieldIndex, as: Int64.self)
  }

  /// Where the units of each sample begin in a packed field: `count + 1` numbers, the first 0.
  public func offsets(_ fieldIndex: Int) -> UnsafeMutablePointer<Int> {
    precondition(fields[fieldIndex].isPacked, "\(fields[fieldIndex].name) has one unit a sample")
    return pointer(regions[fieldIndex].offsets, as: Int.self)
  }

  /// Whether each sample has the field, 1 or 0; only where ``MicrobatchField/isOptional``.
  public func presence(_ fieldIndex: Int) -> UnsafeMutablePointer<UInt8> {
    precondition(fields[fieldIndex].isOptional, "\(fields[fieldIndex].name) is never missing")
    return pointer(regions[fieldIndex].presence, as: UInt8.self)
  }

  /// The units that all samples of a field have together.
  public func units(_ fieldIndex: Int) -> Int {
    fields[fieldIndex].isPacked ? offsets(fieldIndex)[count] : count
  }

  /// Copies the numbers that one sample has of a field to another sample.
  ///
  /// - Parameters:
  ///   - source: a sample's place.
  ///   - target: another's.
  ///   - fieldIndex: a field that all samples have as many numbers of.
  public func copySample(_ source: Int, to target: Int, ofField fieldIndex: Int) {
    precondition(!fields[fieldIndex].isPacked, "\(fields[fieldIndex].name) is packed")
    let count = fields[fieldIndex].scalarsPerUnit
    switch fields[fieldIndex].element {
    case .float:
      let base = floats(fieldIndex)
      (base + target * count).update(from: base + source * count, count: count)
    case .integer:
      let base = integers(fieldIndex)
      (base + target * count).update(from: base + source * count, count: count)
    }
  }

  private func numbers<Scalar: BitwiseCopyable>(
    _ fieldIndex: Int, as type: Scalar.Type
  ) -> UnsafeMutablePointer<Scalar> {
    precondition(holdsNumbers[fieldIndex], "\(fields[fieldIndex].name) has extents only")
    return pointer(regions[fieldIndex].numbers, as: type)
  }

  private func pointer<Scalar: BitwiseCopyable>(
    _ offset: Int, as type: Scalar.Type
  ) -> UnsafeMutablePointer<Scalar> {
    UnsafeMutableRawPointer(memory.base + offset).assumingMemoryBound(to: type)
  }
}
