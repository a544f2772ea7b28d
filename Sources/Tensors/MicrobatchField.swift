/// What one field of a microbatch holds.
public struct MicrobatchField: Sendable, Equatable {
  /// The field's name in the dataset.
  public let name: String
  /// The extents of one unit, slowest first, `[]` for a single number; images are `[H, W, C]`.
  ///
  /// A unit is a sample, or one step of it where samples differ in length.
  public let sampleShape: [Int]
  /// How the numbers are moved.
  public let element: Element
  /// Y for a label with known classes, or the vocabulary of ids.
  public let classes: Int?
  /// T: the most steps of a sample, where samples differ in length; nil for one unit a sample.
  public let longest: Int?
  /// Whether a sample may lack the field.
  public let isOptional: Bool

  /// How a field's numbers are moved.
  public enum Element: Sendable, Equatable {
    /// Values, converted and normalised to Float32.
    case float
    /// Labels and ids.
    case integer
  }

  /// A field from its parts.
  ///
  /// - Parameters:
  ///   - name: the field's name.
  ///   - sampleShape: the extents of one unit.
  ///   - element: how the numbers are moved.
  ///   - classes: Y or the vocabulary.
  ///   - longest: T where samples differ in length.
  ///   - isOptional: whether a sample may lack the field.
  public init(
    name: String, sampleShape: [Int], element: Element, classes: Int? = nil, longest: Int? = nil,
    isOptional: Bool = false
  ) {
    self.name = name
    self.sampleShape = sampleShape
    self.element = element
    self.classes = classes
    self.longest = longest
    self.isOptional = isOptional
  }

  /// Whether samples have a varying number of units, so that they need offsets.
  public var isPacked: Bool { longest != nil || isOptional }
  /// Numbers per unit.
  public var scalarsPerUnit: Int { sampleShape.reduce(1, *) }
  /// The most units of a sample.
  public var unitsPerSample: Int { longest ?? 1 }
  /// The most numbers of a sample.
  public var scalarsPerSample: Int { unitsPerSample * scalarsPerUnit }
}
