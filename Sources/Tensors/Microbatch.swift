import Buffers

/// What one field of a microbatch holds.
public struct MicrobatchField: Sendable, Equatable {
  /// The field's name in the dataset.
  public let name: String
  /// The extents of one sample, slowest first, `[]` for a single number; images are `[H, W, C]`.
  public let sampleShape: [Int]
  /// How the numbers are moved.
  public let element: Element
  /// Y for a label with known classes, or the vocabulary of ids.
  public let classes: Int?

  /// How a field's numbers are moved.
  public enum Element: Sendable, Equatable {
    /// Values, converted and normalised to Float32.
    case float
    /// Labels and ids.
    case integer
  }

  /// A field from its parts.
  public init(name: String, sampleShape: [Int], element: Element, classes: Int? = nil) {
    self.name = name
    self.sampleShape = sampleShape
    self.element = element
    self.classes = classes
  }

  /// Numbers per sample.
  public var scalarsPerSample: Int { sampleShape.reduce(1, *) }
}

/// The samples of one forward pass, ready to compute on.
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
  /// Each sample's number in its split, `capacity` of them.
  public let sampleNumbers: UnsafeMutablePointer<Int64>

  private let numbers: HostBuffer<Int64>
  private let memory: HostBuffer<UInt8>
  private let offsets: [Int]

  /// Allocates room for `capacity` samples of each field.
  public init(capacity: Int, fields: [MicrobatchField]) {
    precondition(capacity > 0, "a microbatch needs room for at least one sample")
    self.capacity = capacity
    self.fields = fields
    var plan = ArenaPlan()
    offsets = fields.map { field in
      let count = capacity * field.scalarsPerSample
      return field.element == .float
        ? plan.reserve(count, of: Float.self).offset : plan.reserve(count, of: Int64.self).offset
    }
    memory = HostBuffer(count: plan.byteCount)
    numbers = HostBuffer(count: capacity)
    sampleNumbers = numbers.base
  }

  /// The index in ``fields`` of the field called `name`, or nil.
  public func fieldIndex(_ name: String) -> Int? {
    fields.firstIndex { $0.name == name }
  }

  /// The values of a float field, `[N] + sampleShape`.
  public func floats(_ fieldIndex: Int) -> UnsafeMutablePointer<Float> {
    precondition(fields[fieldIndex].element == .float, "\(fields[fieldIndex].name) holds integers")
    return UnsafeMutableRawPointer(memory.base + offsets[fieldIndex])
      .assumingMemoryBound(to: Float.self)
  }

  /// The numbers of an integer field, `[N] + sampleShape`.
  public func integers(_ fieldIndex: Int) -> UnsafeMutablePointer<Int64> {
    precondition(fields[fieldIndex].element == .integer, "\(fields[fieldIndex].name) holds floats")
    return UnsafeMutableRawPointer(memory.base + offsets[fieldIndex])
      .assumingMemoryBound(to: Int64.self)
  }
}
